# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, Jcc

// Both arms of a branch lead to the same place.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40
	je	1f
1:	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
