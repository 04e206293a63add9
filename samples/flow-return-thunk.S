# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/lib/retpoline.S (pattern): a subroutine that returns by a jump to the return thunk
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	call	check
	testl	%eax, %eax
	jnz	slow
	leave_by_sysret

check:
	xorl	%eax, %eax
	movq	8 + at_rcx(%rsp), %rcx
	movq	8 + at_r11(%rsp), %r11
	cmpq	%rcx, 8 + at_rip(%rsp)
	jne	no
	movq	%rcx, %rdx
	shrq	$47, %rdx
	jnz	no
	cmpq	$sel_user_code, 8 + at_cs(%rsp)
	jne	no
	cmpq	$sel_user_stack, 8 + at_ss(%rsp)
	jne	no
	cmpq	%r11, 8 + at_rflags(%rsp)
	jne	no
	testl	$flag_TF | flag_RF, %r11d
	jnz	no
	jmp	__x86_return_thunk
no:
	incl	%eax
	jmp	__x86_return_thunk

slow:
	leave_by_iret
