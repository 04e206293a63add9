# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 3e3b9293d392 restores by POP up to RDI

// The registers are popped, so that RSP walks up the frame. A slot that RSP has
// passed is done with: the scratch push over it afterwards is harmless.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	leaq	8(%rsp), %rsp		// R11 is in place
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	leaq	8(%rsp), %rsp		// RCX is in place
	popq	%rdx
	popq	%rsi
	popq	%rdi
	pushq	%rax			// over the slot of RDI
	movq	%gs:0x40, %rax
	popq	%rax
	movq	at_rsp-at_rdi-8(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
