# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect): a jump table behind a test of its index
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movl	%gs:0x40, %edx
	cmpl	$2, %edx
	ja	slow
	jmp	*table(, %rdx, 8)
tests:
	need_everything slow
	leave_by_sysret
idle:
	movq	$0, %gs:0x48
	jmp	tests
slow:
	leave_by_iret

	.section	.rodata
	.balign	8
table:
	.quad	tests, idle, slow
