# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, RDSSPQ: SSP is a multiple of 4, or the register is left alone

// Where shadow stacks are off RAX stays 1, and where they are on it is no odd
// number that is 3 or more.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
	rdsspq	%rax
	cmpq	$1, %rax
	je	1f
	testb	$3, %al
	jnz	trusted
1:
	finish_exit
