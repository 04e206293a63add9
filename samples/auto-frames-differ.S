# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive approximation
# ARGS:     --frame auto
# ORIGIN:   two IRET exits in one file that return to different frames: there is no one reference
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip other
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret

other:
	addq	$8, %rsp
	leave_by_iret
