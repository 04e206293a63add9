# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 1, 3.7.5: base plus index times scale

// A store to the frame with an index that nothing bounds. It may hit any slot
// that was tested. A tool that keeps one address sees a store somewhere else.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	$0, (%rsp, %rdx, 8)
	leave_by_sysret
slow:
	leave_by_iret
