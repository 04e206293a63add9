# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux include/linux/jump_label.h: static branches, where the file has the jump (pattern)

// The file jumps to the test of CS. Without the key the jump is a NOP and the test
// is left out.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	jump_in_file_if_key	key, tested
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
