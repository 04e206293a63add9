# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF

// ZF is the outcome of the compare when PUSHFQ runs, and bit 6 of the image.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	%rax, %rax
	pushfq
	popq	%rax
	testb	$0x40, %al
	jnz	trusted
	finish_exit
