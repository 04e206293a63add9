# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// RIP is compared in pieces of 1, 2, 4 and 1 bytes. Nothing is left out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	cmpb	%cl, at_rip(%rsp)
	jne	slow
	movq	%rcx, %rax
	shrq	$8, %rax
	cmpw	%ax, at_rip+1(%rsp)
	jne	slow
	shrq	$16, %rax
	cmpl	%eax, at_rip+3(%rsp)
	jne	slow
	shrq	$32, %rax
	cmpb	%al, at_rip+7(%rsp)
	jne	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
