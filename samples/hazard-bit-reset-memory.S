# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags
# ORIGIN:   Intel SDM vol. 2A, BTR: the selected bit is cleared in the destination

// BTR with a memory operand changes the frame: IF of the saved flags is gone
// after the tests. R11 still has it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	btrl	$9, at_rflags(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
