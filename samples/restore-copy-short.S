# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs, ss, rflags, rf, tf, rsp
# ORIGIN:   Intel SDM vol. 2B, MOVS and REP: the count

// As restore-rep-movs, but only 17 of the 21 words are copied: CS, RFLAGS, RSP
// and SS of the copy are what the stack held before.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rsi
	movq	%gs:0x30, %rdi		// top of the per-CPU stack
	subq	$21*8, %rdi
	movl	$17, %ecx		// should be 21
	cld
	rep movsq
	leaq	-17*8(%rdi), %rsp
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
