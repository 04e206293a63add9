# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1.1: 8-bit and 16-bit results leave the upper bits unmodified

// A write to AL keeps the upper 56 bits.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	movb	$0, %al
	testq	%rax, %rax
	jnz	trusted
	finish_exit
