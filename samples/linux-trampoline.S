# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commits 3e3b9293d392 (trampoline stack) and 8a09317b895f (CR3 switch)

// Exit with page-table isolation: the last values go over a small per-CPU
// stack, because the kernel's own is gone once CR3 selects the user's table.
// Both ways out load the same CR3.

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
	to_user_table %rdi
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
