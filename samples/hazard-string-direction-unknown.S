# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 7.3.9.2: DF

// POPFQ loads DF from a value that nobody knows. STOSQ may go either way, and
// one of them leaves the test out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0
	movl	%gs:0x40, %eax
	andl	$0x400, %eax
	pushq	%rax
	popfq
	movq	%rsp, %rdi
	stosq
	cld
	popq	%rdx
	cmpq	%rsp, %rdi
	jb	trusted
	finish_exit
