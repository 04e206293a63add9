# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rax, gpr.rdx
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG: the accumulator

// The same loop behind the restored registers: RAX and RDX are what the loop
// left.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	%gs:0x40, %rax
1:	leaq	1(%rax), %rdx
	lock cmpxchgq	%rdx, %gs:0x40
	jnz	1b
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
