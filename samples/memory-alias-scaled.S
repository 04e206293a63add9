# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated ss
# ORIGIN:   Intel SDM vol. 1, 3.7.5: base plus index times scale

// The index is a constant: it is the slot of SS, and not an unknown place.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movl	$at_ss / 8, %edx
	movq	$0, (%rsp, %rdx, 8)
	leave_by_sysret
slow:
	leave_by_iret
