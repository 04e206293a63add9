# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// RIP is compared without its lowest byte, by a load that is not aligned.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	movq	%rcx, %rax
	shrq	$8, %rax
	movq	at_rip(%rsp), %rdx
	movl	at_rip+1(%rsp), %edx
	cmpl	%eax, %edx
	jne	slow
	shrq	$32, %rax
	movzwl	at_rip+5(%rsp), %edx
	movzbl	at_rip+7(%rsp), %esi
	shll	$16, %esi
	orl	%esi, %edx
	cmpl	%eax, %edx
	jne	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
