# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux entry code: the exit work is done until none is left

// The slow arm does some work and starts over. Each time everything is tested
// again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	%gs:0x40, %edx
	testl	$0xff, %edx
	jnz	work
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
work:
	sti
	call	do_work
	cli
	jmp	exit_to_user
