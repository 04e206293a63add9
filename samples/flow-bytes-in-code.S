# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive site-unreached
# ORIGIN:   Intel SDM vol. 2A, 2.1: code and data look alike

// The bytes of SYSRETQ in the code section behind the last instruction. They
// may be data; nothing says so.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
signature:
	.byte	0x48, 0x0f, 0x07
