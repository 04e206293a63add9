# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, cs, ss, tf, gpr.rcx, gpr.r11
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() (pattern)

// The same loop behind the tests: each warning may change the frame.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
9:
	cmpl	$1, %gs:0x44
	je	1f
	trap_with	1
1:
	cmpl	$0, %gs:0x40
	jne	9b
	leave_by_sysret
slow:
	leave_by_iret
