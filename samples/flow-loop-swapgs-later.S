# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive loop-bound
# ORIGIN:   Intel SDM vol. 2B, SWAPGS

// One SWAPGS on each turn but the first four.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rdx
	xorl	%eax, %eax
1:	cmpl	$4, %eax
	jb	2f
	swapgs
2:	incl	%eax
	decq	%rdx
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
