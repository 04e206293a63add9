# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, cs
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// A quadword that is not aligned: its halves lie in two slots.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	$0, at_rip+4(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
