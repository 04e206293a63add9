# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf, gpr.rcx
# ORIGIN:   System V AMD64 psABI, 3.2.2: a callee owns the stack below its return address

// A register is parked below RSP, and a function is called: the word is gone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rcx, -24(%rsp)
	call	slow_work
	movq	-24(%rsp), %rcx
	movq	at_r11(%rsp), %r11
	leave_by_sysret
slow:
	leave_by_iret
