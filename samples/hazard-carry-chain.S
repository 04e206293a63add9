# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, ADC; vol. 2B, SBB

// A sum of 128 bits: the carry goes into the upper half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	xorl	%edx, %edx
	addq	$1, %rax
	adcq	$0, %rdx
	cmpq	$1, %rdx
	je	trusted
	finish_exit
