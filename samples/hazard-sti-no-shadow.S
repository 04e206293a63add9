# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2B, STI: interrupts are delayed if IF was 0

// The second STI finds IF set and casts no shadow. An interrupt can come before
// SYSRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	sti
	sti
	sysretq
slow:
	leave_by_iret
