# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SHLD

// SHLD moves bits 63 to 47 of the address into RAX; they are 0 in the lower half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	shldq	$17, %rcx, %rax
	testq	%rax, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
