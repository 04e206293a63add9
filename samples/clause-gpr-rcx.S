# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rcx
# ORIGIN:   Linux before 2a23c6b8a9c4: the plain system call return, where RCX is clobbered by design

// RCX is loaded from the saved return address without a look at the saved RCX.
// Right for a system call, visible for an interrupted program.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	fill	r11
	movq	at_rip(%rsp), %rcx
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
