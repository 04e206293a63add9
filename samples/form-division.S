# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, DIV: the quotient of RDX:RAX is truncated

// An address is in the lower half just if 2^47 goes into it 0 times.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	xorl	%edx, %edx
	movq	$1 << 47, %rsi
	divq	%rsi
	testq	%rax, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
