# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux include/asm-generic/percpu.h: per-CPU memory is apart from stacks

// A store to per-CPU memory after the tests. That it does not lie in the frame
// is an assumption, regions-disjoint.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rax, %gs:0x40
	leave_by_sysret
slow:
	leave_by_iret
