# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): relative operands count from their new place

// The function that makes the test is called where the CPU has SMAP, and where it
// has not nothing takes its place.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	patch	"", "call upper_bits", feature_smap
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
