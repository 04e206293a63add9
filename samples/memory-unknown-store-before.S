# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// The same store in front of the tests: whatever it hit is what is tested and
// what IRETQ would take.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movb	$1, (%rbx)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
