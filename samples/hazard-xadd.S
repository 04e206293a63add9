# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2D, XADD: the source gets the old value

// XADD gives the sum to memory and the old value to the register.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$7
	movl	$2, %edx
	lock xaddq	%rdx, (%rsp)
	popq	%rax
	cmpq	$7, %rdx
	jne	slow
	cmpq	$9, %rax
	je	trusted
	finish_exit
