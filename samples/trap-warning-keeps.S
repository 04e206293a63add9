# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// RAX and CF are what they were in front of the warning; a call in its place could
// have changed both.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	xorl	%eax, %eax
	cmpl	$1, %eax
	trap_with	1
	jnc	skip
	testl	%eax, %eax
	jnz	skip
	need_everything	slow
	jmp	trusted
skip:
	need_all_but_canonical	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
