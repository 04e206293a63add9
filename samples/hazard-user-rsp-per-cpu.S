# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq, stack
# ORIGIN:   Linux before 4.1 kept the user's RSP in a per-CPU variable on the fast path

// The user's RSP comes from per-CPU memory. Most pointers there are kernel
// stacks; this one is not, as the comparison with the frame shows. A push and
// an interrupt then use the user's memory.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x10, %rax
	cmpq	%rax, at_rsp(%rsp)
	jne	slow
	fill_all_but	rcx, r11
	movq	%gs:0x10, %rsp
	pushq	%rdi
	popq	%rdi
	sti
	nop
	cli
	swapgs
	sysretq
slow:
	leave_by_iret
