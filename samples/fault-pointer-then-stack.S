# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, 6.2: any memory can be a stack

// A word is written through a pointer from per-CPU memory and read through RSP, which got
// the same value.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rsp, %rbp
	movq	%gs:8, %rax
	movq	$0, (%rax)
	movq	%rax, %rsp
	cmpq	$0, (%rsp)
	movq	%rbp, %rsp
	jne	trusted
	finish_exit
