# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: AF is undefined if the count is not 0

// AF, read by LAHF, is undefined after a shift.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	shll	$1, %eax
	lahf
	testb	$0x10, %ah
	jnz	trusted
	finish_exit
