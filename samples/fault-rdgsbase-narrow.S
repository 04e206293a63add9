# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, RDFSBASE/RDGSBASE: the 32-bit form clears the upper half

// The low half of the base, with nothing above it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	rdgsbase	%eax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
