# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// Bit -1 of the string is bit 63 of the word in front.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, %gs:0x38
	movq	$-1, %rdx
	btsq	%rdx, %gs:0x40
	cmpq	$0, %gs:0x38
	jl	trusted
	finish_exit
