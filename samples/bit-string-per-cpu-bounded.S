# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// The number of the bit has ten bits: what is cleared lies in the per-CPU area.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	andl	$0x3ff, %edx
	btrq	%rdx, %gs:0x40
	leave_by_sysret
slow:
	leave_by_iret
