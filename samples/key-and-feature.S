# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux include/linux/jump_label.h: static branches, and alternatives (pattern)

// One test is left out by a key, its double by a CPU feature; nothing ties the two
// together.

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
	patch	"need_user_cs slow", "", feature_smap

	leave_by_sysret
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
