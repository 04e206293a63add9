# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, DEC

// A loop with a fixed count copies the five words for IRETQ to a per-CPU area
// and sums up nothing.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movl	$5, %ecx
	leaq	at_rip(%rsp), %rsi
	movq	%gs:0x38, %rdi
1:	movq	-8(%rsi, %rcx, 8), %rax
	movq	%rax, -8(%rdi, %rcx, 8)
	decl	%ecx
	jnz	1b
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
