# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated tf
# ORIGIN:   Linux commit 7ea24169097d (single step over the opportunistic SYSRET)

// With TF in R11 the trap comes before the first user instruction, so a
// debugger that single-steps makes no progress. IRETQ traps after it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF, slow
	leave_by_sysret

slow:
	leave_by_iret
