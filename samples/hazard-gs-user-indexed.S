# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 2B, SWAPGS

// An access through GS after SWAPGS, with a register as its offset. It reads
// what the user's GS base points to, as much as one with a plain displacement.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	swapgs
	cmpb	$0, %gs:(%rdx)
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	sysretq
slow:
	leave_by_iret
