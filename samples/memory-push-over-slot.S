# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 2B, PUSH

// RSP goes above the slot of RIP and comes back by a push, before anything is
// tested. What is tested then is not the user's RIP any more, which was given
// up when RSP moved above it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	addq	$at_cs, %rsp
	pushq	%rsi
	subq	$at_rip, %rsp
	movq	at_rip(%rsp), %rax
	movq	%rax, at_rcx(%rsp)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
