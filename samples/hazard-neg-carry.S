# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, NEG: CF is 0 for an operand of 0 only

// NEG sets CF unless the operand is 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$5, %eax
	negl	%eax
	jc	trusted
	finish_exit
