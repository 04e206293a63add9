# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2B, SYSRET: interrupts have to be off once RSP is the user's

// Interrupts are turned on before the user's stack pointer is loaded. One that
// comes before SYSRETQ pushes its frame to an address that the user chose.

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
	sti
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
