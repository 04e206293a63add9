# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, LEAVE

// RSP comes from RBP and RBP from the stack.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rbp, %rbx
	pushq	$7
	movq	%rsp, %rbp
	subq	$32, %rsp
	leave
	movq	%rbp, %rax
	movq	%rbx, %rbp
	cmpq	$7, %rax
	je	trusted
	finish_exit
