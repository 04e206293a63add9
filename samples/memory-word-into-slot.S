# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags
# ORIGIN:   Intel SDM vol. 2A, IRET: RFLAGS is the whole slot

// Two bytes of the saved flags, IOPL and NT among them, are written after the
// tests.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movw	$0x7002, at_rflags(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
