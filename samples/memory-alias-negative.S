# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// The slot is reached by a negative displacement from the end of the frame,
// while RSP is lower.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	pushq	%rbp
	leaq	8+at_ss+8(%rsp), %rbp
	movw	$0, at_cs-at_ss-8(%rbp)
	popq	%rbp
	leave_by_sysret
slow:
	leave_by_iret
