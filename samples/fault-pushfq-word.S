# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, PUSHF: eight bytes are written

// PUSHFQ leaves the word above alone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$5
	pushfq
	popq	%rax
	popq	%rdx
	cmpq	$5, %rdx
	jne	trusted
	finish_exit
