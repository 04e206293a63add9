# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG: the destination is written with what it held

// The values differ, so that the word stays.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0, -8(%rsp)
	movl	$1, %eax
	movl	$5, %edx
	lock	cmpxchgq %rdx, -8(%rsp)
	cmpq	$5, -8(%rsp)
	je	trusted
	finish_exit
