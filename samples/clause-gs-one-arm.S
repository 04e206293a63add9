# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 2B, SWAPGS; the shape of CVE-2014-9322: SWAPGS and the path taken disagree

// A per-CPU flag decides whether SWAPGS is executed. Nothing ties the flag to
// the frame, so one way out has the wrong base.

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
	cmpb	$0, %gs:0x48
	movq	at_rsp(%rsp), %rsp
	je	1f
	swapgs
1:	sysretq

slow:
	leave_by_iret
