# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 3A, 2.5: CR4

// A write to CR4 may change the width of addresses or what SYSRETQ does. It has
// no model.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x40, %rax
	movq	%rax, %cr4
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
