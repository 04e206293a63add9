# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive trap-on-user-stack
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// A warning with the user's stack pointer loaded: the exception is delivered on
// memory of the user's.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	trap_with	1
	swapgs
	sysretq
slow:
	leave_by_iret
