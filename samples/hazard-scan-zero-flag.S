# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BSF: ZF says that the source is 0

// ZF is about the source, not about the result: bit 0 is found, the result is
// 0, and ZF is clear.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %edx
	bsfl	%edx, %eax
	jnz	trusted
	finish_exit
