# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, IMUL, three operands

// The 16-bit product is cut to 0, which CF tells; only the lower 16 bits of RAX
// are written.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	movl	$0x100, %edx
	imulw	$0x100, %dx, %ax
	jnc	slow
	cmpq	$-0x10000, %rax
	je	trusted
	finish_exit
