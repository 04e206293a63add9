# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   differences or-ed together and tested once, as compilers and size-minded code do

// One branch is all that stands between a wrong frame and SYSRETQ.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	movq	at_rip(%rsp), %rax
	xorq	%rcx, %rax
	movq	%rcx, %rdx
	shrq	$47, %rdx
	orq	%rdx, %rax
	movq	at_cs(%rsp), %rdx
	xorq	$sel_user_code, %rdx
	orq	%rdx, %rax
	movq	at_ss(%rsp), %rdx
	xorq	$sel_user_stack, %rdx
	orq	%rdx, %rax
	movq	at_rflags(%rsp), %rdx
	xorq	%r11, %rdx
	orq	%rdx, %rax
	movq	%r11, %rdx
	andq	$(flag_RF | flag_TF), %rdx
	orq	%rdx, %rax
	jnz	by_iret
	leave_by_sysret

by_iret:
	leave_by_iret
