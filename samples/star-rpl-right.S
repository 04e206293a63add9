# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   AMD APM vol. 3, SYSRET: SS is STAR[63:48]+8, its RPL is not forced

// As clause-star-rpl, with the RPL in the base where both vendors need it:
// 0x23.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0xc0000081, %ecx	// MSR_STAR; the low half stays
	rdmsr
	movl	$0x00230010, %edx
	wrmsr
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
