# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, LODS

// LODSD loads 32 bits, clears the upper half of RAX, and moves RSI by 4.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$-1
	movq	%rsp, %rsi
	lodsl
	popq	%rdx
	subq	%rsp, %rsi
	addq	$8, %rsi
	cmpq	$4, %rsi
	jne	slow
	shrq	$32, %rax
	jz	trusted
	finish_exit
