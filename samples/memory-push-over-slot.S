# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Intel SDM vol. 2B, PUSH

// RSP goes above the slot of RIP and comes back by a push, before anything is
// tested. Whether the frame's RIP is now the pushed word or the one that was
// there when RSP moved above it cannot be told from the code.

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
