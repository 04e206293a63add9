# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Intel SDM vol. 2B, SHLD

// SHLD by 16 leaves bit 47 of the address behind.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	shldq	$16, %rcx, %rax
	testq	%rax, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
