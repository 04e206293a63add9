# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/linux/percpu-defs.h: an array for each CPU (pattern)

// The array is another file's; its offset in the per-CPU area is not known.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	andl	$15, %edx
	movq	$1, %gs:their_array(,%rdx,8)
	leave_by_sysret
slow:
	leave_by_iret
