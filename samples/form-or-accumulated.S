# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; IRET, Operation: the same tests without branches

// Every mismatch is collected in RAX with XOR and OR; one branch decides.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	movq	%rcx, %rax
	xorq	at_rip(%rsp), %rax
	movq	%rcx, %rdx
	shrq	$47, %rdx
	orq	%rdx, %rax
	movq	at_cs(%rsp), %rdx
	xorq	$sel_user_code, %rdx
	orq	%rdx, %rax
	movq	at_ss(%rsp), %rdx
	xorq	$sel_user_stack, %rdx
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
