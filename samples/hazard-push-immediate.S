# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSH: an immediate is sign-extended to 64 bits

// An 8-bit immediate takes a whole word on the stack, with its sign.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$-2
	popq	%rax
	cmpq	$-2, %rax
	je	trusted
	finish_exit
