# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: what holds on every turn of a loop

// A wait for a per-CPU byte in front of the tests. Nothing that the exit uses
// changes in it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
1:	pause
	testb	$1, %gs:0x40
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
