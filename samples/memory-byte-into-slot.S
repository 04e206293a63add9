# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 2A, IRET: RIP is the whole slot

// One byte of the saved RIP is written after the tests.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movb	$0x11, at_rip+5(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
