# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux sync_regs() and Xen copy frames like this; Intel SDM vol. 2B, MOVS and REP

// The whole frame is copied to a per-CPU stack, 21 words with REP MOVS, and
// both ways out work on the copy.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rsi
	movq	%gs:0x30, %rdi		// top of the per-CPU stack
	subq	$21*8, %rdi
	movl	$21, %ecx
	cld
	rep movsq
	leaq	-21*8(%rdi), %rsp
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
