# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MUL: the upper half of an 8-bit product is AH

// 16 times 16 does not fit into AL: OF is set, and so is bit 8 of AX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$16, %eax
	mulb	%al
	jo	trusted
	finish_exit
