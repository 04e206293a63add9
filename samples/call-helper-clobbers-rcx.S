# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, canonical, gpr.rcx
# ORIGIN:   Linux arch/x86/entry/entry.S entry_ibpb(): called by name out of alternatives

// RCX, which SYSRETQ takes the address from, is not loaded again behind the helper.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	call	entry_ibpb  // not in this file
	fill	rax; fill rdx
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
