# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CMOVcc: the upper half is cleared even if the condition is false

// CMOV with 32 bits does not move here, and clears the upper half all the same.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	cmpl	%eax, %eax
	cmovnel	%edx, %eax
	shrq	$32, %rax
	jz	trusted
	finish_exit
