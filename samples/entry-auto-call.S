# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   proved
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// The exit work is a call; behind it everything is tested. The verdict needs
// nothing of what is in front.

#include "exit.h"
#include "enter.h"

	.globl	system_call
system_call:
	swapgs
	movq	%rsp, %gs:0x40
	movq	%gs:0x48, %rsp
	push_frame	%gs:0x40
	movq	%rsp, %rdi
	call	work // not in this file
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
