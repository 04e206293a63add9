# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Turing, On Computable Numbers, 1937: whether a loop ends

// A delay whose length is a per-CPU variable. Nothing bounds the count, so the
// paths cannot all be followed to their end; but whatever the loop changes is
// loaded again behind it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x50, %rcx
1:	pause
	decq	%rcx
	jnz	1b
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
