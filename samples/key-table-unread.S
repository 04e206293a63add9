# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/linux/jump_label.h (pattern): a table that no known form fits

// The table of static branches is cut off: it is not read, and the verdict lists
// the assumption "static-keys".

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
1:
	.byte	0x0f, 0x1f, 0x44, 0x00, 0x00
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	__jump_table, "aw"
	.long	1b - .
	.long	slow - .
