# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, canonical, gpr.rcx
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// RCX goes through the stack, and its halves come back exchanged.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	pushq	%rcx
	movl	4(%rsp), %ecx
	movl	(%rsp), %eax
	addq	$8, %rsp
	shlq	$32, %rax
	orq	%rax, %rcx
	leave_by_sysret
slow:
	leave_by_iret
