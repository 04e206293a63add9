# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux ret_from_fork

// A child's first return: its frame was copied from the parent's, something is
// called, and the exit is that of every system call.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rax, %rdi
	call	finish_switch
	movq	$0, at_rax(%rsp)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
