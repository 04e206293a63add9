# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 2B, WRGSBASE

// SWAPGS is right, but a late WRGSBASE puts the kernel's base back where the
// user's has to be.

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
	rdgsbase %rax
	swapgs
	wrgsbase %rax
	fill_all_but rcx, r11
	movq	at_rsp(%rsp), %rsp
	sysretq

slow:
	leave_by_iret
