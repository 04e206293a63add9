# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   CVE-2014-4699: the frame that was tested is not the frame that is left by

// The return address in the frame is changed after the tests (a signal handler
// is set up, say). RCX still has the old one.

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
	movq	$0x401000, at_rip(%rsp)
	leave_by_sysret

slow:
	leave_by_iret
