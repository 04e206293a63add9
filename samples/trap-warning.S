# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// The same with the flag: the handler prints a warning and goes on behind UD2,
// with the address still in RCX.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	fill	rcx
	movq	%rcx, %rax
	shrq	$47, %rax
	jz	1f
	trap_with	1
1:
	need_all_but_canonical	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
