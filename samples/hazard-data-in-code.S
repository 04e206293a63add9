# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive undecodable
# ORIGIN:   Intel SDM vol. 2A, appendix A: 06 is not an instruction in 64-bit mode

// The slow arm runs into data that is no instruction.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	.byte	0x06, 0x06
