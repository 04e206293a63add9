# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rsp
# ORIGIN:   Linux commit 3e3b9293d392 (trampoline stack)

// The second push on the trampoline stack is not 8 bytes lower: it overwrites
// half of the user's RSP.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rdi
	movq	%rsp, %rdi
	movq	%gs:0x4, %rsp
	pushq	at_rsp(%rdi)
	movq	at_rdi(%rdi), %rdi
	movl	%edi, (%rsp)
	popq	%rsp
	swapgs
	sysretq
slow:
	leave_by_iret
