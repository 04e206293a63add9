# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 3A, 3.4.4: FS.base in 64-bit mode; the base is the user's

// A load through FS while RSP is the user's. The FS base is the user's as well:
// nothing says that the page is there, and a page fault would be delivered on
// the user's stack.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	cmpl	$0, %fs:0
	swapgs
	sysretq
slow:
	leave_by_iret
