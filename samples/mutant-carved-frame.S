# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   own: RSP is rounded down for a call and not restored, so that the frame may lie where it did or 8 bytes off

// Where RSP was aligned all along the tests read the frame, and elsewhere they do
// not. What they read counts as unknown memory, apart from the frame.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	andq	$-16, %rsp
	begin_tests
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
