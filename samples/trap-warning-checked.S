# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// Behind the warning comes the test.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40
	je	1f
	trap_with	1
1:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
