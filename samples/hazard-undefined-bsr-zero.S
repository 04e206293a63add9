# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BSR: the destination is undefined if the source is 0

// BSR of 0: AMD leaves the 64-bit destination alone. Here that is 1.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
	xorl	%edx, %edx
	bsrq	%rdx, %rax
	cmpq	$1, %rax
	je	trusted
	finish_exit
