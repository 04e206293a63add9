# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SBB: the subtrahend plus CF

// SBB of a register with itself is -1 if there was a borrow. NOT and LEA leave
// the flags alone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	cmpq	$1, %rax
	notq	%rdx
	leaq	8(%rdx), %rdx
	sbbq	%rax, %rax
	cmpq	$-1, %rax
	je	trusted
	finish_exit
