# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CLRSSBSY: CF tells whether there was a token

// CLRSSBSY writes CF, which was clear.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	rdsspq	%rdi
	clc
	clrssbsy (%rdi)
	jc	trusted
	finish_exit
