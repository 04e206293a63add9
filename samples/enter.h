# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame of contract "linux", as the entry of a system call pushes it. Include
// exit.h first.

	.macro	push_frame user_rsp
	pushq	$sel_user_stack
	pushq	\user_rsp
	pushq	%r11
	pushq	$sel_user_code
	pushq	%rcx
	pushq	%rax
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	.endm
