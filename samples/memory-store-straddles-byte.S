# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// Two bytes that straddle the slots of RIP and CS. The byte of RIP is 0
// already, the one of CS becomes 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movw	$0, at_rip+7(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
