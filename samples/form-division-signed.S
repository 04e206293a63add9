# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, IDIV: the quotient is truncated towards 0

// -1 divided by 2 is 0 and not -1, which a shift to the right would give.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$-1, %eax
	cltd
	movl	$2, %esi
	idivl	%esi
	testl	%eax, %eax
	jz	trusted
	finish_exit
