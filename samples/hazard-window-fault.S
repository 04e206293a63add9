# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 2C, WRFSBASE: #GP(0) if the address is not canonical

// FS.base is loaded with a value of the user's while RSP is the user's already.
// If it is not canonical the exception frame goes where the user said.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	wrfsbase	%rdi
	swapgs
	sysretq
slow:
	leave_by_iret
