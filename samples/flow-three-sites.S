# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET; every site is verified

// Three SYSRETQ, one for each value of two per-CPU bytes.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	cmpb	$0, %gs:0x40
	jne	1f
	leave_by_sysret
1:	cmpb	$0, %gs:0x41
	jne	2f
	leave_by_sysret
2:	leave_by_sysret
slow:
	leave_by_iret
