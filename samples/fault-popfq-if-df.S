# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 1, figure 3-8: IF is next to DF

// Interrupts and the direction flag are both set in the image.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	pushq	$1 << 9 | 1 << 10
	popfq
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
