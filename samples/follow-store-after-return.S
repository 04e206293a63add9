# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A function reads a word through a pointer that another one may have written.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, (%rdi)
	call	work
	cmpq	$1, (%rdi)
	je	trusted
	finish_exit
work:
	movq	$1, (%rsi)
	ret
