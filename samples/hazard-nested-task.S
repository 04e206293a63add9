# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, IRET, Operation: #GP(0) if NT is set in 64-bit mode

// NT is set at CPL0. SYSRETQ does not look at it; IRETQ on the other arm would
// fault. Faults of IRETQ other than that of a non-canonical RIP are outside the
// statement, and the arm itself is not judged.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	pushq	$0x4002
	popfq
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
