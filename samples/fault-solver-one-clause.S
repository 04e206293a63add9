# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# ARGS:     --rlimit 100000
# EXPECT:   inconclusive solver-unknown
# ORIGIN:   a solver that gives up has said nothing

// Nothing is difficult but RBX: that a product is the sum of those of both halves takes more
// than the solver is allowed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rbx, rax
	movq	%gs:0x50, %rax
	imulq	%gs:0x60, %rax
	movl	%gs:0x50, %ebx
	imulq	%gs:0x60, %rbx
	subq	%rbx, %rax
	movl	%gs:0x54, %ebx
	imulq	%gs:0x60, %rbx
	shlq	$32, %rbx
	subq	%rbx, %rax
	movq	at_rbx(%rsp), %rbx
	addq	%rax, %rbx
	movq	at_rax(%rsp), %rax
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
