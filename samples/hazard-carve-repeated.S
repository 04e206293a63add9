# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   System V AMD64 psABI, 3.2.2: the end of the argument area is aligned to 16 bytes

// The same instruction aligns RSP twice, and something else is pushed each
// time. The two pushes go to different words: the first still holds a 2.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rbp
	movl	$2, %ebx
1:	andq	$-16, %rsp
	pushq	%rbx		// 2, then 1 sixteen bytes below
	cmpl	$2, %ebx
	cmoveq	%rsp, %r12
	decl	%ebx
	jnz	1b
	movq	(%r12), %r13
	movq	%rbp, %rsp
	need_all_but_canonical	slow
	cmpq	$2, %r13
	je	trusted
	finish_exit
