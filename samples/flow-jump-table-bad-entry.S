# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect): one entry of a jump table leads past the tests
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	fill	rcx
	fill	r11
	movl	%gs:0x40, %edx
	cmpl	$2, %edx
	ja	slow
	jmp	*table(, %rdx, 8)
tests:
	need_everything slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret

	.section	.rodata
	.balign	8
table:
	.quad	tests, trusted, slow
