# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 3A, 11.8.6: CR8 is the task priority

// CR8 may have any value; the prefix that reaches it is REX.R.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%cr8, %rax
	testb	$1, %al
	jnz	trusted
	finish_exit
