# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/linux/percpu-defs.h: an array for each CPU (pattern)

// A store to an array in per-CPU memory with an index of four bits: it does not hit
// the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	andl	$15, %edx
	movq	$1, %gs:0x80(,%rdx,8)
	leave_by_sysret
slow:
	leave_by_iret
