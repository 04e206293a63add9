# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated star, cs, ss
# ORIGIN:   Intel SDM vol. 2B, SYSRET: CS and SS come from IA32_STAR[63:48]

// STAR is written on the way out with another base, with RPL 0. What SYSRETQ
// loads is no longer what was tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0xc0000081, %ecx
	xorl	%eax, %eax
	movl	$0x00130008, %edx
	wrmsr
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
