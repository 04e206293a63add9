# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rcx, gpr.r11
# ORIGIN:   Linux commit 2a23c6b8a9c4: an interrupt may leave a frame that meets the conditions

// For an interrupt RCX and R11 are the program's own. Loading them from RIP and
// the flags, as for a system call, destroys them.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	at_rip(%rsp), %rcx
	movq	at_rflags(%rsp), %r11
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
