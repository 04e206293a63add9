# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: where paths meet

// Two ways meet, each with a ZF of its own. Behind, each value of ZF has one of the two
// conditions.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0, %gs:0x40
	je	1f
	testl	$0, %eax
	jmp	2f
1:	movl	$1, %eax
	testl	%eax, %eax
2:	jz	3f
	cmpb	$0, %gs:0x40
	jne	trusted
	jmp	4f
3:	cmpb	$0, %gs:0x40
	je	trusted
4:	finish_exit
