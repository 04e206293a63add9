# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, POP: RSP is incremented before the address of the destination is computed

// The destination (%rsp) is computed with RSP after the increment, so that POP
// copies one word up.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$5
	pushq	$7
	popq	(%rsp)
	popq	%rax
	cmpq	$7, %rax
	je	trusted
	finish_exit
