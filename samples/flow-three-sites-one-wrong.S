# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.r12
# ORIGIN:   Intel SDM vol. 2B, SYSRET; every site is verified

// Three SYSRETQ; the last one keeps a register of the kernel.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	cmpb	$0, %gs:0x40
	jne	1f
	leave_by_sysret
1:	cmpb	$0, %gs:0x41
	jne	2f
	leave_by_sysret
2:	movq	%gs:0x48, %r12
	fill_all_but	rcx, r11, r12
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
