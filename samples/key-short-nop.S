# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux arch/x86/include/asm/jump_label.h: sites of two bytes (pattern)

// The site is a NOP of two bytes, which becomes a short jump over the test of CS.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
1:
	.byte	0x66, 0x90
	static_branch	1b, passed, key, 0
	need_user_cs	slow
passed:
	leave_by_sysret
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
