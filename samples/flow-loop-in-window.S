# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 2B, SYSRET: software must not use the stack once RSP is the user's

// A loop behind the load of the user's RSP, which reads from that stack on its
// third and last turn.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movl	$3, %gs:0x40
	movq	at_rsp(%rsp), %rsp
1:	cmpl	$1, %gs:0x40
	jne	2f
	cmpq	$0, (%rsp)
2:	decl	%gs:0x40
	jnz	1b
	swapgs
	sysretq
slow:
	leave_by_iret
