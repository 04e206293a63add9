# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive trap-on-user-stack
# ORIGIN:   a page fault that every machine on the way meets, on the stack of the user
// One arm in the window always faults (#PF) on the user's stack.
#include "exit.h"
	.section .rodata
ro:	.quad 0
	.text
	.globl	exit_to_user
exit_to_user:
	need_everything 9f
	fill_all_but rcx, r11
	movq	at_rsp(%rsp), %rsp
	testq	%rax, %rax
	jz	1f
	movl	$0, ro(%rip)
1:
	swapgs
	sysretq
9:	leave_by_iret
