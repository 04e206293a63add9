# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// The table is writable. Where the jump goes is not what the file says.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	jmp	*table(%rip)
test_address:
	finish_exit
	.data
	.balign	8
table:
	.quad	test_address
