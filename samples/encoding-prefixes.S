# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, 2.2.1: a REX prefix counts if it is directly before the opcode

// SYSRETQ in a spelling that no assembler writes: a segment override, a repeat
// prefix, and a REX prefix with W and X.

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
	.byte	0x2e, 0xf3, 0x4a, 0x0f, 0x07

slow:
	leave_by_iret
