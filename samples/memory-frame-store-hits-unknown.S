# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A word behind an unknown pointer is 1; a store to the frame may change it,
// for the pointer may be to the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$1, (%rdi)
	movq	$0, 120(%rsp)
	cmpq	$0, (%rdi)
	je	trusted
	finish_exit
