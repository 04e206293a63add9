# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: CS comes from IA32_STAR[63:48]+16

// As form-or-accumulated, but one MOV where an OR belongs forgets what was
// collected before: only the comparison of CS is lost.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	movq	at_cs(%rsp), %rax
	xorq	$sel_user_code, %rax
	movq	at_ss(%rsp), %rdx
	xorq	$sel_user_stack, %rdx
	movq	%rdx, %rax		// should be orq
	movq	%rcx, %rdx
	xorq	at_rip(%rsp), %rdx
	orq	%rdx, %rax
	movq	%rcx, %rdx
	shrq	$47, %rdx
	orq	%rdx, %rax
	movq	%r11, %rdx
	xorq	at_rflags(%rsp), %rdx
	orq	%rdx, %rax
	movl	%r11d, %edx
	andl	$(flag_RF | flag_TF), %edx
	orq	%rdx, %rax
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
