# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF: IF is bit 9 of the image

// Interrupts are on when PUSHFQ runs. A model without IF pushes a 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	sti
	nop
	pushfq
	cli
	popq	%rax
	testl	$0x200, %eax
	jnz	trusted
	finish_exit
