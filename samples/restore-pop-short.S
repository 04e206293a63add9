# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rsp, gpr.rdi
# ORIGIN:   Linux commit 3e3b9293d392, with one slot forgotten

// RDI is popped from the slot of the system call number, one too far up, because
// eight bytes too many are skipped. The load of RSP, relative to that, reads SS.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	fill_all_but rcx, r11, rdi
	addq	$at_rdi+8, %rsp		// should be at_rdi
	popq	%rdi
	movq	at_rsp-at_rdi-8(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
