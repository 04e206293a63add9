# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// A warning behind SWAPGS: the exception comes from the kernel's code, and so its
// handler does not switch GS.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	swapgs
	trap_with	1
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	sysretq
slow:
	swapgs
	leave_by_iret
