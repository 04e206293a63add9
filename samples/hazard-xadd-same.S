# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2D, XADD: the sum is written last

// With one register as both operands the sum remains.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$5, %eax
	xaddl	%eax, %eax
	cmpl	$10, %eax
	je	trusted
	finish_exit
