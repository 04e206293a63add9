# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BT: CF is the bit, ZF is left alone

// RF and TF are tested with BT, once from a register and once from memory.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	btq	$16, %r11
	jc	slow
	btl	$8, at_rflags(%rsp)
	jc	slow
	leave_by_sysret

slow:
	leave_by_iret
