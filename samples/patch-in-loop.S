# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site in a loop

// Four turns shift by ten bits each, in two ways of writing it. A site holds the
// same code in every turn.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	movl	$4, %edx
9:
	patch	"shrq $10, %rax", "shrq $5, %rax; shrq $5, %rax", feature_smap
	decl	%edx
	jnz	9b
	shrq	$7, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
