# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MUL: CF and OF say that the upper half is not 0

// The product has 65 bits. CF is set.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	movl	$2, %edx
	mulq	%rdx
	jc	trusted
	finish_exit
