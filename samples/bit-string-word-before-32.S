# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// With a 32-bit operand bit -1 is bit 31 of the double word in front, whatever is
// above EDX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, %gs:0x38
	movl	$-1, %edx
	btsl	%edx, %gs:0x40
	cmpl	$0, %gs:0x3c
	jl	trusted
	finish_exit
