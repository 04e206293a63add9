# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   an array on the stack of a function, with an index that nothing bounds (CWE-787)

// The array is on the stack right below the frame: with a large index the store
// hits what was tested, with a small one the return address.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	call	work
	leave_by_sysret
slow:
	leave_by_iret
work:
	subq	$0x40, %rsp
	movq	$1, (%rsp,%rdx,8)
	addq	$0x40, %rsp
	ret
