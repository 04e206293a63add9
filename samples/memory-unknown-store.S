# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A byte is stored through a pointer from the caller. It may be a byte of the
// frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movb	$1, (%rbx)
	leave_by_sysret
slow:
	leave_by_iret
