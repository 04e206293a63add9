# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, 2.1: instructions are decoded where control goes

// The bytes of SYSRETQ in data are no SYSRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	.rodata
	.byte	0x48, 0x0f, 0x07
	.data
	.byte	0x48, 0x0f, 0x07
