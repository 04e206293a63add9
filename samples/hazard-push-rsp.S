# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSH: PUSH RSP pushes the old value

// What is pushed is RSP before the decrement.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rsp, %rax
	pushq	%rsp
	popq	%rdx
	cmpq	%rax, %rdx
	je	trusted
	finish_exit
