# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive vacuous
# ORIGIN:   Intel SDM vol. 3A, 4.6: a write to a read-only page is a page fault

// A store to .rodata faults on every path: SYSRETQ is never reached.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0, fixed(%rip)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	.rodata
	.balign	4
fixed:
	.long	1
