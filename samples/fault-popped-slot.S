# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, PUSH and POP: what RSP has moved above is no longer the frame

// The slot of RFLAGS has been popped when a word is pushed over it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	addq	$at_rsp, %rsp
	pushq	$0
	addq	$8, %rsp
	movq	(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
