# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// The pointer to the slot is itself stored and loaded again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leaq	at_rip(%rsp), %rax
	pushq	%rax
	xorl	%eax, %eax
	popq	%rdi
	notq	(%rdi)
	leave_by_sysret
slow:
	leave_by_iret
