# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Intel SDM vol. 2B, RET (near): the target is the word that RSP points at

// The slow way returns through a word of per-CPU memory: that is no caller of this code.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
	movq	%gs:8, %rsp
	ret
