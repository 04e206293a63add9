# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): RIP-relative operands count from their new place

// The replacement loads the limit of user addresses by a RIP-relative operand.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	patch	"", "movq limit(%rip), %rax", feature_always
	cmpq	%rax, %rcx
	jae	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret

	.section	.rodata, "a"
	.quad	-1
limit:
	.quad	0x00007ffffffff000
