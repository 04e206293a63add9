# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 6.2: any memory can be a stack; two pointers are two places

// An unknown pointer is written through. Then another one is found to be a
// stack, and a third one is read through. The third is not the first, in
// whatever order they were met.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:8, %rax
	testb	$1, (%rax)
	movq	$0, (%rdi, %rsi)
	movq	%rsp, %rbp
	movq	%rax, %rsp		// what RAX points to is a stack
	movq	%rbp, %rsp
	movq	(%r8, %r9), %r13
	need_all_but_canonical	slow
	testq	%r13, %r13
	jnz	trusted
	finish_exit
