# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Linux commit 8a09317b895f, with the wrong bit

// As linux-trampoline, but the fast way out sets another bit of CR3 than the
// slow one.

#include "exit.h"

#define CPU_STACK_TOP	%gs:0x6004	// of the little stack that is mapped in user mode
#define USER_TABLE	0x1000		// this bit of CR3 selects the user's page table

	.macro	to_user_table scratch
	movq	%cr3, \scratch
	orq	$USER_TABLE, \scratch
	movq	\scratch, %cr3
	.endm

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	fill_all_but rcx, r11, rdi
	movq	%rsp, %rdi		// the frame; its RDI comes last
	movq	CPU_STACK_TOP, %rsp
	pushq	at_rsp(%rdi)
	pushq	at_rdi(%rdi)
	movq	%cr3, %rdi
	orq	$0x800, %rdi
	movq	%rdi, %cr3
	popq	%rdi
	popq	%rsp
	swapgs
	sysretq

slow:
	fill_all_but rdi
	movq	%rsp, %rdi
	movq	CPU_STACK_TOP, %rsp
	pushq	at_ss(%rdi)
	pushq	at_rsp(%rdi)
	pushq	at_rflags(%rdi)
	pushq	at_cs(%rdi)
	pushq	at_rip(%rdi)
	pushq	at_rdi(%rdi)
	to_user_table %rdi
	popq	%rdi
	swapgs
	iretq
