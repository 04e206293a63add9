# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG with 8 bits: AL is compared

// Only AL is compared and only one byte is written.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x1107
	movl	$0x2207, %eax
	movl	$9, %edx
	cmpxchgb	%dl, (%rsp)
	popq	%rdx
	jnz	slow
	cmpq	$0x1109, %rdx
	je	trusted
	finish_exit
