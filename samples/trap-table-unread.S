# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/bug.h (pattern): a table that no known form fits

// The entry of the table leads to an instruction that is no UD2: the table is not
// read, UD2 ends the path, and the verdict lists the assumption "bug-table".

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40
	je	1f
	ud2
1:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	__bug_table, "aw"
	.long	1b - .
	.long	0
	.2byte	0, 1
