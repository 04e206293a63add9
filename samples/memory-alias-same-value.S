# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, MOV

// The slot is written after the tests, with what it holds.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leaq	at_rip(%rsp), %rdi
	movq	%rcx, (%rdi)
	leave_by_sysret
slow:
	leave_by_iret
