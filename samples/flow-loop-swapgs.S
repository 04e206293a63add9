# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive loop-bound
# ORIGIN:   Intel SDM vol. 2B, SWAPGS

// SWAPGS as often as a per-CPU word says.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rdx
1:	swapgs
	decq	%rdx
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
