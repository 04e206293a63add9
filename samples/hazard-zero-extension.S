# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1.1: 32-bit results are zero-extended

// A move of EAX to itself clears the upper half of RAX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	movl	%eax, %eax
	shrq	$32, %rax
	jz	trusted
	finish_exit
