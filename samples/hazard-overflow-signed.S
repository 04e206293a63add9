# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, Jcc: L is SF ≠ OF

// The smallest number is less than 1 for a signed comparison, although the
// difference is positive.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movabsq	$0x8000000000000000, %rax
	cmpq	$1, %rax
	jl	trusted
	finish_exit
