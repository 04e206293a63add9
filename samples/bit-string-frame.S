# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// The number of the bit has eight bits and counts from the RIP in the frame, behind
// the tests. Which word of the frame is hit is not worked out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movzbl	%dl, %edx
	btrq	%rdx, at_rip(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
