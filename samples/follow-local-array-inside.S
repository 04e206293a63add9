# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   an array on the stack of a function

// The index is small enough: the word beside the array keeps its value.

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
	andl	$15, %edx
	movq	$0, 0x110(%rsp)
	movq	$1, (%rsp,%rdx,8)
	movq	0x110(%rsp), %rax
	addq	$0x1200, %rsp
	ret
