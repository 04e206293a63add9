# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A loop without a bound inside one that goes round three times. The inner one
// is entered three times, and the last time counts.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	xorl	%ebx, %ebx
2:	movq	%gs:0x50, %rdx
1:	decq	%rdx
	jnz	1b
	incl	%ebx
	cmpl	$3, %ebx
	jne	2b
	need_all_but_canonical	slow
	cmpl	$3, %ebx
	je	trusted
	finish_exit
