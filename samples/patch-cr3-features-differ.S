# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Linux arch/x86/entry/calling.h SWITCH_TO_USER_CR3: an alternative on X86_FEATURE_PTI (pattern), with two features

// The exits ask for different features: with one of them alone they leave with
// different page tables.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	pushq	%rax
	movq	%cr3, %rax
	patch	"", "orq $0x1000, %rax; movq %rax, %cr3", feature_smap
	popq	%rax
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	fill_all_but
	pushq	%rax
	movq	%cr3, %rax
	patch	"", "orq $0x1000, %rax; movq %rax, %cr3", feature_fsgsbase
	popq	%rax
	addq	$at_rip, %rsp
	swapgs
	iretq
