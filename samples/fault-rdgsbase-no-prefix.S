# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive undecodable
# ORIGIN:   Intel SDM vol. 2B, RDFSBASE/RDGSBASE: F3 is part of the opcode

// The bytes of RDGSBASE without their F3 are no instruction.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	.byte	0x48, 0x0f, 0xae, 0xc8
	leave_by_sysret
slow:
	leave_by_iret
