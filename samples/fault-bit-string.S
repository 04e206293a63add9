# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BT: with memory the offset is not taken modulo the width

// Bit 64 is bit 0 of the next word, which is set. Bit 0 is clear.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, -16(%rsp)
	movq	$1, -8(%rsp)
	movl	$64, %edx
	btq	%rdx, -16(%rsp)
	jc	trusted
	finish_exit
