# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// With a 32-bit operand the number has 32 bits and a sign: 256 MiB in either
// direction.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow

	btrl	%edx, %gs:0x40
	leave_by_sysret
slow:
	leave_by_iret
