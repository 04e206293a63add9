# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A word that was stored through a pointer is read back through the same one,
// before the tests.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	$1, 8(%rdi)
	movq	$0, (%rdi)
	cmpq	$1, 8(%rdi)
	jne	bad
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
bad:
	xorl	%ecx, %ecx
	xorl	%r11d, %r11d
	leave_by_sysret
