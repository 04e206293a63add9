# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   an external symbol as displacement beside RSP: its value is not known before linking
// An undefined symbol is a displacement from RSP: its value may be 0x80.
#include "exit.h"
	.globl	exit_to_user
exit_to_user:
	need_everything 9f
	movl	$5, SOME_OFFSET(%rsp)
	leave_by_sysret
9:	leave_by_iret
