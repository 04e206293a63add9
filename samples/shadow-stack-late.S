# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2A, CLRSSBSY: it can raise #CP, #GP and #PF

// The token is freed when RSP is the user's: a fault there would be
// delivered on the user's stack.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	clrssbsy %gs:0x40
	swapgs
	sysretq
slow:
	leave_by_iret
