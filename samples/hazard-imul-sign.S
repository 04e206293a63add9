# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, IMUL: the sign of the product

// -1 times 1 fits: IMUL leaves CF clear where MUL would set it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	movl	$1, %edx
	imulq	%rdx
	jnc	trusted
	finish_exit
