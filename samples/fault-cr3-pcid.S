# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Intel SDM vol. 3A, 4.10.1: CR3[11:0] is the process-context identifier

// The right page tables under the kernel's PCID: translations that the kernel used
// stay in force in user mode.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x10, %rax
	orq	$0x1000, %rax
	movq	%rax, %cr3
	leave_by_sysret
slow:
	movq	%gs:0x10, %rax
	orq	$0x1800, %rax
	movq	%rax, %cr3
	leave_by_iret
