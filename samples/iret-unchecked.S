# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   the same IRET exit without SWAPGS is not judged without --check-iret (the SYSRET clauses hold)
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	leave_by_sysret

slow:
	fill_all_but
	addq	$at_rip, %rsp
	iretq
