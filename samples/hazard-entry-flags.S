# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.3: nothing fixes the arithmetic flags here

// The first instruction branches on CF. It may be set at the entry.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	setc	%bl
	need_all_but_canonical	slow
	testb	%bl, %bl
	jnz	trusted
	finish_exit
