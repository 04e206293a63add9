# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   Linux commit 2a23c6b8a9c4; CVE-2014-4699 for the effect

// The notifier is called behind the tests. It gets the frame and may change it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	testl	$0x80, %gs:0x40
	jz	2f
	movq	%rsp, %rdi
	call	notify_user_return
2:	fill	rcx
	fill	r11
	leave_by_sysret
slow:
	leave_by_iret
