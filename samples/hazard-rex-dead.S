# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2A, 2.2.1: a REX prefix that is not directly before the opcode is ignored

// 48 3E 39 … looks like a compare of 64 bits. The segment override behind the
// REX prefix makes the CPU ignore it and compare 32 bits, so that the upper
// half of RCX is anything. VEX obeys the prefix.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	at_rsi(%rsp), %rsi
	.byte	0x48, 0x3e		// REX.W, then DS
	cmpl	%esi, %esi
	jz	trusted
	finish_exit
