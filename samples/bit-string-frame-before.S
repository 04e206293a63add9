# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is

// The same in front of the tests: whatever was changed is what is tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movzbl	%dl, %edx
	btrq	%rdx, at_rip(%rsp)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
