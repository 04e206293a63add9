# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2B, STI; vol. 3A, 6.8.1

// On one of two ways that meet before SYSRETQ interrupts are on for two instructions, on
// the user's stack.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	cmpb	$0, %gs:0x48
	movq	at_rsp(%rsp), %rsp
	je	1f
	sti
	nop
	cli
1:	swapgs
	sysretq
slow:
	leave_by_iret
