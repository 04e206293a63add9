# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, IRET: a selector is the low 16 bits of its slot

// The upper bytes of the CS slot are written after the tests. No exit looks at
// them.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movl	$-1, at_cs+2(%rsp)
	movw	$-1, at_cs+6(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
