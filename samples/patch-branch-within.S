# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a branch that stays inside the replacement keeps its distance

// The replacement jumps over a part of itself. Such a jump is the same at its new
// place.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	patch	"", "movq %rcx, %rax; shrq $47, %rax; jz 9f; movl $1, %eax; 9:", feature_always
	testl	%eax, %eax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
