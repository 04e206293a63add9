# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2B, POPF: at CPL0 it loads IF

// The image has IF set. From POPFQ on interrupts are taken, on the stack that
// the user chose.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	pushq	$0x202
	popfq
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
