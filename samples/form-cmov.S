# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; the same tests with CMOVcc

// Each mismatch moves a one into RAX.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	xorl	%eax, %eax
	movl	$1, %edx
	cmpq	at_rip(%rsp), %rcx
	cmovneq	%rdx, %rax
	movq	%rcx, %rsi
	shrq	$47, %rsi
	cmovnzq	%rdx, %rax
	cmpq	$sel_user_code, at_cs(%rsp)
	cmovneq	%rdx, %rax
	cmpq	$sel_user_stack, at_ss(%rsp)
	cmovneq	%rdx, %rax
	cmpq	at_rflags(%rsp), %r11
	cmovneq	%rdx, %rax
	testl	$(flag_RF | flag_TF), %r11d
	cmovnzl	%edx, %eax
	testl	%eax, %eax
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
