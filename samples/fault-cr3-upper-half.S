# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Intel SDM vol. 2B, MOV to and from control registers: 64 bits in 64-bit mode

// The two exits load page tables that differ above 4 GiB only.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%gs:0x10, %rax
	btcq	$36, %rax
	movq	%rax, %cr3
	leave_by_sysret
slow:
	movq	%gs:0x10, %rax
	movq	%rax, %cr3
	leave_by_iret
