# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   an array on the stack of a function, with an index that nothing bounds (CWE-787)

// A function writes to its own array with an index that nothing bounds, and then
// trusts a word beside it. It may write its return address as well.

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

	movq	$0, 0x110(%rsp)
	movq	$1, (%rsp,%rdx,8)
	movq	0x110(%rsp), %rax
	addq	$0x1200, %rsp
	ret
