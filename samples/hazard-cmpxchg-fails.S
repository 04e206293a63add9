# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG: a failure loads the accumulator

// The comparison fails: ZF is 0 and RAX has what is in memory.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$7
	movl	$3, %eax
	movl	$9, %edx
	lock cmpxchgq	%rdx, (%rsp)
	popq	%rdx
	jz	slow
	cmpq	$7, %rax
	je	trusted
	finish_exit
