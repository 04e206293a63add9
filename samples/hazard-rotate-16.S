# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RCL/RCR/ROL/ROR: the operand is 16 bits

// ROL of 16 bits by 8 exchanges two bytes and keeps the upper 48 bits of the
// register.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movabsq	$0x1122334455667788, %rax
	rolw	$8, %ax
	movabsq	$0x1122334455668877, %rdx
	cmpq	%rax, %rdx
	je	trusted
	finish_exit
