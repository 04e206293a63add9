# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rsp
# ORIGIN:   Linux commit 117cc7a908c8 (“Fill return stack buffer on vmexit”)

// One return address too few is dropped, and the user's RSP is loaded from the
// word below its slot.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	.rept	4
	call	1f
	int3
1:
	.endr
	leaq	3 * 8(%rsp), %rsp
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
