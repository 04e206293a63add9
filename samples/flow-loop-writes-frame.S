# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A loop behind the tests writes the slot of RIP on each turn.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x50, %rdx
1:	movq	%rdx, at_rip(%rsp)
	decq	%rdx
	jnz	1b
	leave_by_sysret
slow:
	leave_by_iret
