# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A loop with a constant count leaves a sum behind that is only right if every
// turn was executed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	movl	$5, %edx
1:	addl	%edx, %eax
	decl	%edx
	jnz	1b
	cmpl	$15, %eax
	je	trusted
	finish_exit
