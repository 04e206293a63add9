# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: SAR fills with the sign

// -1 shifted right by 63 is -1, not 1.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	sarq	$63, %rax
	cmpq	$-1, %rax
	je	trusted
	finish_exit
