# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A word that was stored through a pointer is read back through the same one.
// Another offset from it is another word: the jump is never taken.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$1, 8(%rdi)
	movq	$0, (%rdi)
	need_all_but_canonical	slow
	cmpq	$1, 8(%rdi)
	jne	trusted
	finish_exit
