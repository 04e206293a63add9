# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf
# ORIGIN:   CVE-2014-4699: a debugger rewrites the frame between test and exit

// Work is done after the tests by a function that gets the frame and may
// change all of it. Registers and RSP are loaded from what it left there, the
// tests are about what was there before.

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
	movq	%rsp, %rdi
	call	slow_work		// not in this file
	fill	rcx
	fill	r11
	leave_by_sysret

slow:
	leave_by_iret
