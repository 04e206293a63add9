# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ARGS:     --frame auto
# ORIGIN:   Linux commit 2a23c6b8a9c4, judged without a frame table: the file's own IRET exit is the reference
#include "exit.h"

// The frame starts 24 bytes above RSP here, which no contract says.

	.globl	exit_to_user
exit_to_user:
	addq	$24, %rsp
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
