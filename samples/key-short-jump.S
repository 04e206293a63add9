# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux include/linux/jump_label.h: static branches, with a jump of two bytes (pattern)

// A short jump in the file becomes a NOP of two bytes.

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
	jmp	tested
	static_branch	1b, tested, key, 0
passed:
	leave_by_sysret
tested:
	need_user_cs	slow
	jmp	passed
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
