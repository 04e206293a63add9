# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   a test that was moved and left behind as well: either of the two is enough

// RCX is compared with RIP in two places, and the address is tested in two forms, of
// which one implies the other. Nothing rests on one of these alone.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	by_iret
	need_canonical	by_iret
	need_user_cs	by_iret
	need_user_ss	by_iret
	need_r11_is_rflags	by_iret
	need_flags_clear	flag_RF | flag_TF, by_iret
	movq	%rcx, %rax
	shrq	$46, %rax		// half of the lower half
	jnz	by_iret
	need_rcx_is_rip	by_iret
	leave_by_sysret

by_iret:
	leave_by_iret
