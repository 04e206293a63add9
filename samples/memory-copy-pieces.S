# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// RCX goes through the stack in eight single bytes and comes back in two
// halves.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rcx, %rax
	subq	$16, %rsp
	.irp	at, 3, 4, 5, 6, 7, 8, 9, 10
	movb	%al, \at(%rsp)
	shrq	$8, %rax
	.endr
	movl	3(%rsp), %ecx
	movl	7(%rsp), %eax
	addq	$16, %rsp
	shlq	$32, %rax
	orq	%rax, %rcx
	leave_by_sysret
slow:
	leave_by_iret
