# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 3e3b9293d392 (trampoline stack)

// The user's RSP and RDI go over another stack, which per-CPU memory points to.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rdi
	movq	%rsp, %rdi
	movq	%gs:0x4, %rsp
	pushq	at_rsp(%rdi)
	pushq	at_rdi(%rdi)
	popq	%rdi
	popq	%rsp
	swapgs
	sysretq
slow:
	leave_by_iret
