# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    from_syscall
# EXPECT:   inconclusive site-unreached
# ORIGIN:   Intel SDM vol. 2B, SYSRET; a site that was not looked at is not proved

// There are two entries, each with its SYSRETQ, and only one of them is named.

#include "hazard.h"

	.globl	from_syscall
from_syscall:
	need_everything	slow
	leave_by_sysret
	.globl	from_interrupt
from_interrupt:
	fill	rcx
	fill	r11
	leave_by_sysret
slow:
	leave_by_iret
