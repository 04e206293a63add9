# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/linux/jump_label.h: static branches (pattern)

// A static branch in a loop goes the same way in every turn: either two turns
// shift by one bit each and then none, or none does, and what is lost is made up
// for behind the loop by the same key.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	movl	$4, %edx
7:
	jump_if_key	key, 8f
	shrq	$10, %rax
8:
	decl	%edx
	jnz	7b
	jump_if_key	key, 9f, 1
	shrq	$40, %rax
9:
	shrq	$7, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
