# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BT: a register operand takes the offset modulo the width

// Bit 64 of a register is bit 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
	movl	$64, %edx
	btq	%rdx, %rax
	jc	trusted
	finish_exit
