# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 1, 3.7.5: base plus index times scale

// The index is at most 31: slots of the frame are in reach, and the highest
// address is above it. Keeping the highest address only would miss the saved
// RIP.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	andl	$31, %edx
	movq	$0, (%rsp, %rdx, 8)
	leave_by_sysret
slow:
	leave_by_iret
