# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2D, XCHG

// The word on the stack and the register change places.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$7
	movl	$9, %eax
	xchgq	%rax, (%rsp)
	popq	%rdx
	subq	%rax, %rdx
	cmpq	$2, %rdx
	je	trusted
	finish_exit
