# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, cs, ss, tf, gpr.rcx, gpr.r11
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// The warning comes between the tests and the exit. Its handler is code of the
// kernel, which may change the frame; RCX is still the address that was tested.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	cmpl	$0, %gs:0x40
	je	1f
	trap_with	1
1:
	leave_by_sysret
slow:
	leave_by_iret
