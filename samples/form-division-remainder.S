# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, DIV: the remainder is in RDX

// The remainder is 0 for every multiple of 2^47, canonical or not.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	xorl	%edx, %edx
	movq	$1 << 47, %rsi
	divq	%rsi
	testq	%rdx, %rdx
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
