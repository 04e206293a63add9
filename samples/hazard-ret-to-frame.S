# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Intel SDM vol. 2B, RET (near): the target is the word that RSP points at

// RSP points at the saved R15 of the user. RET is no return to a caller then:
// the user chooses where CPL0 continues.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	ret
