# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive approximation
# ORIGIN:   the IRET arm calls something before it loads CR3: what it would load is not known
// The IRET exits load CR3 after a call (so no reference is known); the fast exit forgets CR3.
#include "exit.h"
	.globl	exit_to_user
exit_to_user:
	need_everything 9f
	leave_by_sysret
9:	call	slow_work
	movq	%gs:0x40, %rdi
	movq	%rdi, %cr3
	leave_by_iret
