# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   Linux entry code: the exit work is done until none is left

// The work is done behind the tests, and only the work is tested for again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
again:
	testl	$0xff, %gs:0x40
	jnz	work
	fill	rcx
	fill	r11
	leave_by_sysret
slow:
	leave_by_iret
work:
	call	do_work
	jmp	again
