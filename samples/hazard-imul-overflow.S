# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, IMUL: CF and OF if the signed product is cut

// 0x10000 squared needs 33 bits: IMUL with 32 bits sets OF.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x10000, %eax
	imull	%eax, %eax
	jo	trusted
	finish_exit
