# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 2A, ADD: 00 00 is ADD %al, (%rax)

// Zeros as padding between the tests and the exit: each two of them are a store
// through RAX, which may hit the frame.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	.zero	4
	leave_by_sysret
slow:
	leave_by_iret
