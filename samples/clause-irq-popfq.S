# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2B, POPF: at CPL0 it loads IF

// The user's flags are loaded with POPFQ before the end, and IF with them. R11
// would have done all of it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	pushq	%r11
	popfq
	leave_by_sysret

slow:
	leave_by_iret
