# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Intel SDM vol. 2A, CLI

// Interrupts are switched off again on one arm only, and the arms meet.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	sti
	nop
	cmpl	$0, %gs:0x40
	je	1f
	cli
1:	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
