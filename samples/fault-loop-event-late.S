# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# ARGS:     --profile safety
# EXPECT:   inconclusive approximation
# ORIGIN:   Intel SDM vol. 3A, 6.12.1: an interrupt at CPL 0 pushes on the current stack

// The loop runs on the user's stack, is left at its top, and reads that stack from the
// fifth turn on.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11, rax, rdx
	movl	%gs:0x50, %edx
	xorl	%eax, %eax
	movq	at_rsp(%rsp), %rsp
1:	decl	%edx
	jz	3f
	cmpl	$4, %eax
	jb	2f
	testb	$0, (%rsp)
2:	incl	%eax
	jmp	1b
3:	swapgs
	sysretq
slow:
	leave_by_iret
