# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 2a23c6b8a9c4 (“Use sysret to return to userspace when possible”): its reason

// A system call that has work to do at its end: context tracking and a user-
// return notifier are called before the choice of the exit. Without the change
// every such return takes IRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	testl	$0x40, %gs:0x40		// context tracking is on
	jz	1f
	call	context_tracking_enter
1:	testl	$0x80, %gs:0x40		// somebody wants to be told
	jz	2f
	movq	%rsp, %rdi
	call	notify_user_return
2:	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
