# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// Two unknown pointers: the store through the second may hit the word of the
// first. Then the test is left out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$1, (%rsi)
	movq	$0, (%rdi)
	cmpq	$0, (%rsi)
	je	trusted
	finish_exit
