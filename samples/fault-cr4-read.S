# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 3A, 2.5: CR4.LA57 is bit 12

// The width of the test follows CR4.LA57.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%cr4, %rax
	movq	%rcx, %rdx
	btq	$12, %rax
	jc	1f
	shlq	$16, %rdx
	sarq	$16, %rdx
	jmp	2f
1:	shlq	$7, %rdx
	sarq	$7, %rdx
2:	cmpq	%rdx, %rcx
	jne	slow
	leave_by_sysret
slow:
	leave_by_iret
