# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// The loop begins with a test of the carry flag that its last turn left. From the fifth
// turn on it is set.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	%gs:0x50, %edx
	xorl	%eax, %eax
1:	jc	3f
	leal	1(%rax), %eax
	decl	%edx
	jz	2f
	cmpl	$4, %eax
	cmc
	jmp	1b
2:	need_canonical	slow
3:	leave_by_sysret
slow:
	leave_by_iret
