# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// The test is left out if the loop went round exactly 1000 times. No bounded
// number of turns shows it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rdx
	xorl	%ebx, %ebx
1:	incq	%rbx
	decq	%rdx
	jnz	1b
	need_all_but_canonical	slow
	cmpq	$1000, %rbx
	je	trusted
	finish_exit
