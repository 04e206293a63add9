# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: the count of a 16-bit shift is masked to 5 bits

// A 16-bit value can be shifted by 31. All of its bits are gone then, and ZF
// says so.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	$31, %ecx
	movl	$1, %eax
	shlw	%cl, %ax
	movq	%rbx, %rcx
	jz	trusted
	finish_exit
