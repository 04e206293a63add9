# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/linux/jump_label.h: static branches (pattern)

// The test of CS is made on both arms, in two ways.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	jump_if_key	key, other
	need_user_cs	slow
passed:
	leave_by_sysret
other:
	movq	at_cs(%rsp), %rax
	subq	$sel_user_code, %rax
	jz	passed
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
