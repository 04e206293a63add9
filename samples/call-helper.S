# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/entry/entry.S entry_ibpb(): called by name out of alternatives

// A helper in assembly keeps every register but RAX, RCX and RDX, and memory: that
// is what the contract says of it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	call	entry_ibpb  // not in this file
	fill	rax; fill rcx; fill rdx
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
