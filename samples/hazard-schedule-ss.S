# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 61f01dd941ba (AMD: SYSRET leaves the SS attributes alone); assumption calls-system-
#           state

// Another task may run during the call and leave SS null on this CPU. That the
// scheduler loads SS again is not to be seen here. The verdict rests on the
// assumption calls-system-state, which names SS and which the report lists.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	sti
	call	schedule
	cli
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
