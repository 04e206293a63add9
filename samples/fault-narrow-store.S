# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, MOV: a byte is written, and nothing beside it

// A byte of a word of ones is cleared.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, -8(%rsp)
	movb	$0, -7(%rsp)
	movq	$~0xff00, %rax
	cmpq	%rax, -8(%rsp)
	jne	trusted
	finish_exit
