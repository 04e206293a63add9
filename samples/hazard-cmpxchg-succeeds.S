# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG: a success writes the destination

// The comparison succeeds: memory has the new value, RAX is as it was.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$7
	movl	$7, %eax
	movl	$9, %edx
	cmpxchgq	%rdx, (%rsp)
	popq	%rdx
	jnz	slow
	cmpq	$9, %rdx
	je	trusted
	finish_exit
