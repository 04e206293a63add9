# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rsi, gpr.rdi
# ORIGIN:   Intel SDM vol. 2A, IRET: the interrupted program expects every register back

// RSI and RDI are loaded from each other's slot.

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
	fill_all_but rcx, r11, rsi, rdi
	movq	at_rsi(%rsp), %rdi
	movq	at_rdi(%rsp), %rsi
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
