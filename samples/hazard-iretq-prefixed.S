# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, 2.1.1 and 2.2.1: prefixes

// IRETQ behind a segment override. It ends the slow arm as the plain one does,
// and gives the value of CR3 to compare with.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rdi
	movq	%gs:0x40, %rdi
	movq	%rdi, %cr3
	fill	rdi
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	fill_all_but
	addq	$at_rip, %rsp
	pushq	%rdi
	movq	%gs:0x40, %rdi
	movq	%rdi, %cr3
	popq	%rdi
	swapgs
	.byte	0x2e, 0x48, 0xcf
