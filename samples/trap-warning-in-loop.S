# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() (pattern)

// A loop waits and warns in each turn. Behind it everything is tested.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
9:
	cmpl	$1, %gs:0x44
	je	1f
	trap_with	1
1:
	cmpl	$0, %gs:0x40
	jne	9b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
