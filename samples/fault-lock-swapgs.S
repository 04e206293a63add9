# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive undecodable
# ORIGIN:   Intel SDM vol. 2A, LOCK: #UD in front of any instruction that is not in its list

// SWAPGS with a LOCK prefix is no SWAPGS.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	.byte	0xf0, 0x0f, 0x01, 0xf8 // lock swapgs
	sysretq
slow:
	leave_by_iret
