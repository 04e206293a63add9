# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RCL/RCR/ROL/ROR: OF is undefined unless the count is 1

// OF after a rotation by 2.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	rorl	$2, %eax
	jo	trusted
	finish_exit
