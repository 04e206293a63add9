# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Intel SDM vol. 2B, SYSRET with 32-bit operand size

// SYSRETL goes to compatibility mode and takes 32 bits of RCX. It is
// recognised, and not modelled.

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
	sysretl

slow:
	leave_by_iret
