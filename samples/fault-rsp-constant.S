# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 1, 6.2: RSP is whatever was loaded into it

// For two instructions RSP is a number. Memory there belongs to nobody known.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rsp, %rbp
	movl	$0x7000, %esp
	testb	$0, (%rsp)
	movq	%rbp, %rsp
	leave_by_sysret
slow:
	leave_by_iret
