# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 117cc7a908c8 (“Fill return stack buffer on vmexit”)

// Calls whose only purpose is the return predictor. The return addresses are
// dropped; nothing returns to them.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	.rept	4
	call	1f
	int3
1:
	.endr
	addq	$4 * 8, %rsp
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
