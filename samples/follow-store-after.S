# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// The same behind the tests: the store may hit the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	call	work
	leave_by_sysret
slow:
	leave_by_iret
work:
	movq	$1, (%rsi)
	ret
