# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BSF: CF, OF, SF, AF and PF are undefined

// CF is cleared, BSF follows, and CF is undefined.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$8, %edx
	clc
	bsfl	%edx, %eax
	jc	trusted
	finish_exit
