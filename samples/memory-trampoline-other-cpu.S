# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rdi
# ORIGIN:   Linux commit 3e3b9293d392 (trampoline stack)

// RDI is pushed on one trampoline stack and popped from another.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rdi
	movq	%rsp, %rbp
	movq	%gs:0x8, %rsp
	pushq	at_rdi(%rbp)
	movq	%gs:0x10, %rsp
	subq	$8, %rsp
	popq	%rdi
	movq	%rbp, %rsp
	fill	rbp
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
