# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   System V AMD64 psABI, 3.2.2: kernels have no red zone, and the model keeps the word

// A register is parked below RSP and loaded from there. With interrupts off it
// is still there.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rcx, -8(%rsp)
	xorl	%ecx, %ecx
	movq	-8(%rsp), %rcx
	leave_by_sysret
slow:
	leave_by_iret
