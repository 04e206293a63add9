# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.r11
# ORIGIN:   Linux before 2a23c6b8a9c4: the plain system call return, where R11 is clobbered by design

// R11 is loaded from the saved flags without a look at the saved R11.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	fill	rcx
	movq	at_rflags(%rsp), %r11
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
