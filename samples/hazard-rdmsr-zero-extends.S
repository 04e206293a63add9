# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RDMSR: the upper halves of RAX and RDX are cleared

// RAX was all ones. RDMSR clears its upper half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movq	$-1, %rax
	movl	$0x48, %ecx
	rdmsr
	movq	%rbx, %rcx
	shrq	$32, %rax
	jz	trusted
	finish_exit
