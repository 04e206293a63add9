# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive loop-bound
# ARGS: --profile seed
# ORIGIN:   a loop that rewrites a slot that was popped, in a later turn
// A loop with its exit at the top re-lowers RSP, writes the released slot, and raises RSP again, from turn 5 on.
#include "exit.h"
	.globl	exit_to_user
exit_to_user:
	need_everything 9f
	movq	%gs:0x50, %rdx
	xorl	%eax, %eax
	addq	$0x88, %rsp
1:	testq	%rdx, %rdx
	jz	3f
	decq	%rdx
	incl	%eax
	cmpl	$4, %eax
	jb	1b
	subq	$0x88, %rsp
	movq	%rdx, at_rip(%rsp)
	addq	$0x88, %rsp
	jmp	1b
3:	movq	at_rsp-0x88(%rsp), %rsp
	xorl %eax,%eax
	xorl %edx,%edx
	swapgs
	sysretq
9:	leave_by_iret
