# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: OF of SHR by 1 is the old sign

// OF is defined for a count of 1.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	shrq	$1, %rax
	jo	trusted
	finish_exit
