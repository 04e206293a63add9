# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; the same tests with SETcc

// Each comparison sets a byte, the bytes are collected, one branch decides.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	xorl	%eax, %eax
	cmpq	at_rip(%rsp), %rcx
	setne	%al
	movq	%rcx, %rdx
	shrq	$47, %rdx
	setnz	%dl
	orb	%dl, %al
	cmpq	$sel_user_code, at_cs(%rsp)
	setne	%dl
	orb	%dl, %al
	cmpq	$sel_user_stack, at_ss(%rsp)
	setne	%dh
	orb	%dh, %al
	cmpq	%r11, at_rflags(%rsp)
	setne	%ah
	testl	$(flag_RF | flag_TF), %r11d
	setnz	%dl
	orb	%dl, %ah
	testl	%eax, %eax
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
