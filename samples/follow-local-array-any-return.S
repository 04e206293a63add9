# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   an array on the stack of a function, and its return address (CWE-121)

// The same with an index that nothing bounds.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	call	work
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
work:
	subq	$0x40, %rsp
	movq	%rax, (%rsp,%rdx,8)
	addq	$0x40, %rsp
	ret
