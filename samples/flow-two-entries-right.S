# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    from_syscall, from_interrupt
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; every entry is verified

// Two entries, one exit, and all tests on both ways.

#include "hazard.h"

	.globl	from_syscall
from_syscall:
	xorl	%ebx, %ebx
	jmp	tail
	.globl	from_interrupt
from_interrupt:
	movl	$1, %ebx
tail:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
