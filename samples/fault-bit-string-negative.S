# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BT: the offset is signed

// Bit -64 is bit 0 of the word before, which is clear.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, -16(%rsp)
	movq	$-64, %rdx
	btq	%rdx, -8(%rsp)
	jc	trusted
	finish_exit
