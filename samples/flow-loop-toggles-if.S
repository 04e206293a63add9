# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Intel SDM vol. 2B, STI

// Interrupts are enabled on a later turn of a loop, and not disabled again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rdx
	xorl	%eax, %eax
1:	cmpl	$4, %eax
	jb	2f
	sti
2:	incl	%eax
	decq	%rdx
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
