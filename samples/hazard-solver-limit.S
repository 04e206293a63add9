# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive solver-unknown
# ARGS:     --rlimit 1
# ORIGIN:   a solver that gives up has said nothing

// The solver is allowed next to nothing, and its silence is not taken for
// "unsatisfiable".

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
