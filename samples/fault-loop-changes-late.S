# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// The loop is left at its top, and changes RCX at its end from the fifth turn on.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x50, %rdx
	xorl	%eax, %eax
1:	decq	%rdx
	jz	3f
	cmpl	$4, %eax
	jb	2f
	incq	%rcx
2:	incl	%eax
	jmp	1b
3:	leave_by_sysret
slow:
	leave_by_iret
