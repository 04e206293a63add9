# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   an array on the stack of a function, and its return address (CWE-121)

// The index may select the return address: where RET goes is not known.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	call	work
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
work:
	andl	$15, %edx
	subq	$0x40, %rsp
	movq	%rax, (%rsp,%rdx,8)
	addq	$0x40, %rsp
	ret
