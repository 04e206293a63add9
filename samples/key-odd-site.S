# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux include/linux/jump_label.h: static branches, broken

// An entry of the table leads to code that is neither a NOP nor the jump to its
// target: what is patched there is not known.

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
	cmpl	$0, %gs:0x40
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
other_key:
	.long	0, 0
