# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// The slot is written through another register that was computed from RSP.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leaq	at_r15(%rsp), %rdi
	addq	$at_cs, %rdi
	movq	$0, -8(%rdi)
	leave_by_sysret
slow:
	leave_by_iret
