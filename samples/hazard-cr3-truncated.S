# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Intel SDM vol. 2B, MOV to and from control registers: 64 bits in 64-bit mode

// CR3 is written back with its upper half cleared. A model with 32 bits sees no
// difference.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%cr3, %rax
	movl	%eax, %eax
	movq	%rax, %cr3
	leave_by_sysret
slow:
	leave_by_iret
