# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   proved
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// A 32-bit SYSCALL is turned away at once: that exit has a contract of its own.

#include "exit.h"

	.globl	turn_away
	.type	turn_away, @function
turn_away:
	movl	$-38, %eax
	sysretl
