# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: the count is masked to 5 bits

// CL is 32, and a 32-bit shift masks it to 0: the flags of the compare remain.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	$1, %eax
	movl	$32, %ecx
	cmpl	%eax, %eax
	shll	%cl, %eax
	movq	%rbx, %rcx
	jz	trusted
	finish_exit
