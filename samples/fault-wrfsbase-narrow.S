# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2C, WRFSBASE/WRGSBASE: the 32-bit form clears the upper half

// The base is the low half of what is written, with nothing above it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	wrfsbase	%eax
	rdfsbase	%rdx
	shrq	$32, %rdx
	jnz	trusted
	finish_exit
