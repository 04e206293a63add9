# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: where paths meet

// Two ways meet, each with an RDX of its own. Behind, each value has one of the two
// conditions.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0, %gs:0x40
	je	1f
	movl	$1, %edx
	jmp	2f
1:	xorl	%edx, %edx
2:	testl	%edx, %edx
	je	3f
	cmpb	$0, %gs:0x40
	je	trusted
	jmp	4f
3:	cmpb	$0, %gs:0x40
	jne	trusted
4:	finish_exit
