# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, PUSH and POP

// Slots that were restored are used as scratch space. What they held is in the
// registers.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	popq	%r15
	popq	%r14
	pushq	%rax
	pushq	%rax
	popq	%rax
	popq	%rax
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%rax
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rdx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	movq	at_rsp-at_rdi-8(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
