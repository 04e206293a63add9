# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Intel SDM vol. 2A, 2.2.1: a REX prefix that is not directly before the opcode is ignored

// 48 66 CF is IRET with 16 bits: the REX prefix is dead, the operand-size
// prefix is not.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	fill_all_but
	addq	$at_rip, %rsp
	swapgs
	.byte	0x48, 0x66, 0xcf
