# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI: symbols of one section

// Two symbols are four bytes apart: a quadword at the first reads both.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, second(%rip)
	movq	first(%rip), %rax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
	.data
	.balign	8
first:
	.long	0
second:
	.long	0
