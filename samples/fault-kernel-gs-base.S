# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Intel SDM vol. 4, table 2-2: IA32_KERNEL_GS_BASE; vol. 2B, SWAPGS

// The user's base is active, as it must be, and the kernel's is gone: the next entry
// loads 0 with SWAPGS. A model with one GS base sees no difference.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	swapgs
	movl	$0xc0000102, %ecx
	xorl	%eax, %eax
	xorl	%edx, %edx
	wrmsr
	movq	at_rip(%rsp), %rcx
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	sysretq
slow:
	leave_by_iret
