# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// Bit 64 of the string is bit 0 of the next word, which the jump rests on.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$1, %gs:0x48
	movl	$64, %edx
	btrq	%rdx, %gs:0x40
	cmpq	$0, %gs:0x48
	je	trusted
	finish_exit
