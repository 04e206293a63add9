# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated ss
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: SS comes from IA32_STAR[63:48]+8

// A stack segment of the program's own (an LDT selector, say) is replaced by
// the flat one.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
