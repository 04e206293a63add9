# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// RDI may point at the slot that is written between two looks at its word.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	$1, (%rdi)
	jne	slow
	movq	$0, 120(%rsp)
	cmpq	$1, (%rdi)
	jne	trusted
	finish_exit
