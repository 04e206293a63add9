# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// A function of this file stores through a pointer and returns. It is taken not to
// hit its own return address; what it did to the frame is tested behind it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	call	work
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
work:
	movq	$1, (%rsi)
	ret
