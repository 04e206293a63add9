# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, STI: no interrupt before the end of the next instruction

// STI directly before SYSRETQ: its shadow covers exactly that instruction. No
// interrupt can come while RSP is the user's at CPL0.

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
	swapgs
	sti
	sysretq

slow:
	leave_by_iret
