# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rbp
# ORIGIN:   Linux ELF_PLAT_INIT: registers of a new program

// The registers of the new program are cleared in the frame, but RBP is live
// and not loaded from there: it still has the old value.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	$0, at_rbp(%rsp)
	need_everything	slow
	fill_all_but	rcx, r11, rbp
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
