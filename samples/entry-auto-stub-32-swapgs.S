# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   violated gs
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// The same with a SWAPGS that nothing matches.

#include "exit.h"

	.globl	turn_away
	.type	turn_away, @function
turn_away:
	swapgs
	movl	$-38, %eax
	sysretl
