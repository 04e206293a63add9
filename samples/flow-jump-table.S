# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// A jump through a table in read-only data, with an index that is a constant on
// each path.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0, %edx
	cmpl	$0, %gs:0x40
	je	1f
	movl	$1, %edx
1:	cmpl	$0, %edx
	jne	2f
	jmp	*table(%rip)
2:	jmp	*table+8(%rip)
tests:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	.rodata
	.balign	8
table:
	.quad	tests, slow
