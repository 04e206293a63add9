# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   inconclusive entry-unknown
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// The same with a SWAPGS that nothing matches. Whether a 32-bit SYSCALL comes here
// or another function calls it is not known, and so it is no violation either.

#include "exit.h"

	.globl	turn_away
	.type	turn_away, @function
turn_away:
	swapgs
	movl	$-38, %eax
	sysretl
