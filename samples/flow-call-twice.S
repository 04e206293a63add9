# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// One function is called from two places with different arguments, and returns
// to each.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movl	$1, %edi
	call	double
	movl	%eax, %ebx
	movl	$2, %edi
	call	double
	cmpl	$4, %eax
	jne	wrong
	cmpl	$2, %ebx
	jne	wrong
	leave_by_sysret
slow:
	leave_by_iret
wrong:
	ud2
double:
	leal	(%rdi, %rdi), %eax
	ret
