# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SWAPGS

// Two SWAPGS on each turn of a loop without a bound: the parity stays.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rdx
1:	swapgs
	swapgs
	decq	%rdx
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
