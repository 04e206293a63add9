# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): relative operands count from their new place

// The whole test is in the replacement, with a conditional jump out of it.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	patch	"", "movq %rcx, %rax; shrq $47, %rax; jnz.d32 slow", feature_always
trusted:
	leave_by_sysret
slow:
	leave_by_iret
