# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): relative operands count from their new place

// The replacement calls a function that makes the test.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
	patch	"", "call upper_bits", feature_always
	testl	%eax, %eax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
upper_bits:
	movq	%rcx, %rax
	shrq	$47, %rax
	ret
