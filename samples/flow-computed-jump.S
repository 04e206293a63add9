# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// A jump through a register that has one of two addresses. Both are followed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	leaq	slow(%rip), %rax
	leaq	tests(%rip), %rdx
	cmpl	$0, %gs:0x40
	cmoveq	%rdx, %rax
	jmp	*%rax
tests:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
