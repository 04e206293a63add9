# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ARGS:     --check-iret
# ORIGIN:   the IRET exit of the 2015 change keeps its own obligations: NT, GS, CR3 and a user frame
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
