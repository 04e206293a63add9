# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Cousot and Cousot, Abstract Interpretation, POPL 1977: where paths meet

// Two of three ways meet. Behind, the third way's value is not to be expected.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	%gs:0x40, %edx
	cmpl	$1, %edx
	je	1f
	cmpl	$2, %edx
	je	1f
	need_canonical	slow
	jmp	trusted
1:	cmpl	$3, %edx
	je	trusted
	finish_exit
