# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags, rf, tf
# ORIGIN:   Intel SDM vol. 2B, SUB

// The address is computed by a subtraction of a negative number, and all flag
// bits are set.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rsp, %rdi
	subq	$-at_rflags, %rdi
	movq	$-1, (%rdi)
	leave_by_sysret
slow:
	leave_by_iret
