# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, gpr.rcx
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: all 64 bits of RCX are used

// A 32-bit move after the tests clears the upper half of RCX. The result is
// canonical, and wrong.

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
	movl	%ecx, %ecx
	leave_by_sysret

slow:
	leave_by_iret
