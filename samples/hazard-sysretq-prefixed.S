# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated tf
# ORIGIN:   Intel SDM vol. 2A, 2.1.1 and 2.2.1: prefixes

// SYSRETQ behind an operand-size prefix and with all bits of REX set. It is
// still SYSRETQ; TF was not tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF, slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	.byte	0x66, 0x4f, 0x0f, 0x07
slow:
	leave_by_iret
