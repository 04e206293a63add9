# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive loop-bound
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A loop pushes as often as a per-CPU word says. Where RSP is then is not
// known.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rbp
	movq	%gs:0x50, %rdx
1:	pushq	%rdx
	decq	%rdx
	jnz	1b
	movq	%rbp, %rsp
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
