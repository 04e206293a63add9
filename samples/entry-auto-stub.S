# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   inconclusive entry-unknown
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// A function that does not build a frame and leads to SYSRETQ: at no point in front
// of it is the frame of the contract complete.

#include "exit.h"

	.globl	leave
	.type	leave, @function
leave:
	need_rcx_is_rip	slow
	leave_by_sysret
slow:
	leave_by_iret
