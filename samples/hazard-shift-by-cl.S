# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: no flag changes if the masked count is 0

// The count is anything. 1 shifted left by at most 63 is never 0, but ZF is
// also set if the count is 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movq	%rdx, %rcx
	movl	$1, %eax
	cmpl	%eax, %eax
	shlq	%cl, %rax
	movq	%rbx, %rcx
	jz	trusted
	finish_exit
