# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Linux include/linux/percpu-defs.h: an array for each CPU (pattern)

// The same with an index that nothing bounds.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow

	movq	$1, %gs:0x80(,%rdx,8)
	leave_by_sysret
slow:
	leave_by_iret
