# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Intel SDM vol. 2B, MOV to CR3: bit 63 asks that the TLB is kept

// The fast exit keeps translations that the other one drops. Bit 63 reads back as 0,
// so what was written has to be remembered.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x10, %rax
	btsq	$63, %rax
	movq	%rax, %cr3
	leave_by_sysret
slow:
	movq	%gs:0x10, %rax
	btrq	$63, %rax
	movq	%rax, %cr3
	leave_by_iret
