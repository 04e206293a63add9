# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 2B, SWAPGS

// Between two extra SWAPGS a per-CPU word is read: with the user's base,
// although the parity is right in the end.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	swapgs
	cmpq	$0, %gs:0x40
	swapgs
	leave_by_sysret
slow:
	leave_by_iret
