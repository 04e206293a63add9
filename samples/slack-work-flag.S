# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux thread_info.flags, the work of a return to user mode

// Work that is left to do is tested after the frame, and there is none on the way of IRET.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	testl	$1, %gs:0x10
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
