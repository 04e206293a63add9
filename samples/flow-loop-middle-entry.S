# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Hecht and Ullman, Characterizations of Reducible Flow Graphs, 1974

// The loop has two entries; by one of them the test is left out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%gs:0x50, %rdx
	cmpl	$0, %gs:0x40
	jne	2f
1:	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	slow
2:	decq	%rdx
	jns	1b
	leave_by_sysret
slow:
	leave_by_iret
