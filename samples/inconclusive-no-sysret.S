# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive no-sysret
# ORIGIN:   Intel SDM vol. 2A, IRET

// There is only IRETQ here. Nothing to prove is not a proof.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	leave_by_iret
