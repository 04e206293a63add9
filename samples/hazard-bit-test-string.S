# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BT: a memory operand takes the offset as it is

// The offset is a register and may be negative: any bit of memory is read, and
// a bit that happens to be set lets any address through.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	btq	%rdx, at_rax(%rsp)
	jc	trusted
	finish_exit
