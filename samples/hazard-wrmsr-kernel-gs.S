# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 4, table 2-2: IA32_KERNEL_GS_BASE

// KERNEL_GS_BASE is written with 0 while it holds the user's base. SWAPGS then
// makes 0 the user's.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rcx, %rbx
	movl	$0xc0000102, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	movq	%rbx, %rcx
	leave_by_sysret
slow:
	leave_by_iret
