# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A loop without a bound clears words upwards from below the frame. It may go
// on into the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x50, %rdx
	leaq	-64(%rsp), %rdi
1:	movq	$0, (%rdi)
	addq	$8, %rdi
	decq	%rdx
	jnz	1b
	leave_by_sysret
slow:
	leave_by_iret
