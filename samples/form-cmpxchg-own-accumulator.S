# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated canonical
# ORIGIN:   SDM vol. 2A, CMPXCHG: a destination that is the accumulator matches itself and takes the source
#include "hazard.h"
	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
	movl	$2, %edx
	cmpxchgq	%rdx, %rax	// RAX is the destination: it matches itself and becomes 2
	cmpq	$2, %rax
	je	trusted
	finish_exit
