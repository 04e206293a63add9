# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux include/linux/jump_label.h: static branches (pattern)

// The same sites with two keys: with the first one set and the second one clear
// the test of CS is left out twice.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	jump_if_key	key, 8f
	need_user_cs	slow
8:
	jump_if_key	other_key, 9f, 1
	need_user_cs	slow
9:
	leave_by_sysret
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
