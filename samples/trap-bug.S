# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// UD2 for an address that is not canonical. The table has an entry for it without
// the flag of a warning: its handler does not come back.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	fill	rcx
	movq	%rcx, %rax
	shrq	$47, %rax
	jz	1f
	trap_with	0
1:
	need_all_but_canonical	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
