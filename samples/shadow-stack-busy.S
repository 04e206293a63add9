# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CLRSSBSY; vol. 2B, RDSSPQ

// The token at the base of the kernel's shadow stack is freed on the way out.
// Only SSP and shadow-stack memory change; RAX and the flags are dead here.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	rdsspq	%rax
	clrssbsy (%rax)
	leave_by_sysret
slow:
	leave_by_iret
