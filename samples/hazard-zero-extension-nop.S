# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, NOP and XCHG: 90 is NOP, it does not clear the upper half

// 90 is XCHG EAX, EAX in name only. RAX keeps its upper half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	.byte	0x90
	shrq	$32, %rax
	jnz	trusted
	finish_exit
