# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// The index into the table comes from memory. The table has two entries, the
// address has more values.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	%gs:0x40, %edx
	jmp	*table(, %rdx, 8)
test_address:
	finish_exit
	.section	.rodata
	.balign	8
table:
	.quad	test_address, trusted
