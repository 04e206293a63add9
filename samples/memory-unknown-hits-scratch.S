# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A 1 on the own stack, a store through an unknown pointer, and the word is
// read again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$1
	movq	$0, (%rdi)
	popq	%rax
	testq	%rax, %rax
	jz	trusted
	finish_exit
