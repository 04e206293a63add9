# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2D, XCHG: 87 /r with 32 bits zero-extends both

// 87 C0 is XCHG EAX, EAX, and does clear the upper half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	.byte	0x87, 0xc0
	shrq	$32, %rax
	jz	trusted
	finish_exit
