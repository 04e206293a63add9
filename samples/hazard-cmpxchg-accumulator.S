# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG: the accumulator is written if the comparison fails; measured on an
#           AMD EPYC

// A 32-bit CMPXCHG succeeds. RAX is not written then, so its upper half stays:
// it is not even cleared.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$-1
	movq	$-1, %rax
	movl	$5, %edx
	cmpxchgl	%edx, (%rsp)
	popq	%rdx
	shrq	$32, %rax
	jnz	trusted
	finish_exit
