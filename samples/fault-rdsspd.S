# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, RDSSPD: the upper half is cleared, or nothing is written

// The upper half is 0 whether there is a shadow stack or not.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	rdsspd	%eax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
