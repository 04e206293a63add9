# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// A bit of a string in per-CPU memory is cleared, and nothing bounds its number:
// it may be a bit of the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow

	btrq	%rdx, %gs:0x40
	leave_by_sysret
slow:
	leave_by_iret
