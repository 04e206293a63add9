# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   an array on the stack of a function, with an index one too large (CWE-193)

// The index has a bound that lets it reach the word beside the array.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	call	work
	movl	%eax, %ebx
	need_all_but_canonical	slow
	testl	%ebx, %ebx
	jnz	trusted
	finish_exit
work:
	subq	$0x1200, %rsp
	andl	$63, %edx
	movq	$0, 0x110(%rsp)
	movq	$1, (%rsp,%rdx,8)
	movq	0x110(%rsp), %rax
	addq	$0x1200, %rsp
	ret
