# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   a store below the old stack pointer may hit a stack that was aligned down from it (SDM vol. 2A, AND)
#include "hazard.h"
	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rbp
	movq	at_rdi(%rsp), %rax
	andq	$-16, %rsp
	pushq	$1
	movq	%rax, -8(%rbp)	// the same word, if RSP was aligned
	popq	%r13
	movq	%rbp, %rsp
	need_all_but_canonical	slow
	cmpq	$0x12345678, %r13
	je	trusted
	finish_exit
