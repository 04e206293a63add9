# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Linux commit 8a09317b895f (switch of page tables on both exits)

// Both arms load CR3 from the same per-CPU word, but the slow one calls
// something before. Whether the word is the same then cannot be told from this
// file, so it is neither right nor wrong.

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
	call	slow_work
	movq	%gs:0x40, %rdi
	movq	%rdi, %cr3
	leave_by_iret
