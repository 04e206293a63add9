# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RDSSPQ: the register becomes SSP where shadow stacks are on

// RDSSPQ is no NOP on every machine: RAX need not be 0 behind it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	rdsspq	%rax
	testq	%rax, %rax
	jnz	trusted
	finish_exit
