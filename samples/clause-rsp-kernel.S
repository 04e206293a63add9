# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rsp
# ORIGIN:   Intel SDM vol. 2B, SYSRET: RSP is not modified

// The restore of RSP was forgotten: user code starts on, and learns the
// address of, the kernel's stack.

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
	fill_all_but rcx, r11
	swapgs
	sysretq

slow:
	leave_by_iret
