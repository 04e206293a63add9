# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rf, canonical, tf, gpr.rcx, gpr.r11
# ORIGIN:   System V AMD64 psABI, 3.2.3: a callee may change RCX and R11

// RCX and R11 are tested, a function is called, and both are then compared with the
// frame, not tested again. What was tested is not what is there.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_canonical	slow
	testl	$flag_RF | flag_TF, %r11d
	jnz	slow
	call	work
	need_rcx_is_rip	slow
	need_r11_is_rflags	slow
	need_user_cs	slow
	need_user_ss	slow
	leave_by_sysret
slow:
	leave_by_iret
