# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 2a23c6b8a9c4: which flags SYSRET cannot give; DF is none of them

// DF is refused as well, although SYSRET loads it: a program that has it set returns slowly.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF | 1 << 10, slow
	leave_by_sysret

slow:
	leave_by_iret
