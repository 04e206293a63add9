# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, LEA; vol. 2B, MOV, NOT, PUSH, POP, XCHG: no flags

// ZF lives through everything that computes without touching it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	%eax, %eax
	leaq	1(%rax), %rax
	movl	$7, %eax
	notq	%rax
	xchgq	%rax, %rdx
	pushq	%rax
	popq	%rax
	bswapq	%rax
	movzbl	%al, %eax
	jz	trusted
	finish_exit
