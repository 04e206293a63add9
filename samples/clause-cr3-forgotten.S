# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Linux commit 8a09317b895f (page-table isolation: prepare x86/entry code for CR3 switches)

// The slow way out switches to the user's page table, the fast one forgets to:
// the kernel stays mapped in user mode.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	fill_all_but
	pushq	%rax
	movq	%cr3, %rax
	orq	$0x1000, %rax
	movq	%rax, %cr3
	popq	%rax
	addq	$at_rip, %rsp
	swapgs
	iretq
