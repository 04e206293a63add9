# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 2B, SYSRET: software must not use the stack once RSP is the user's

// The user's stack is probed from the kernel: RSP may point anywhere, so the
// read faults at CPL0 or reads what the user wants read.

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
	movq	at_rsp(%rsp), %rsp
	cmpb	$0, (%rsp)
	swapgs
	sysretq

slow:
	leave_by_iret
