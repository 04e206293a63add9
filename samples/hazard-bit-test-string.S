# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2A, BT: a memory operand takes the offset as it is

// The offset is a register and may be negative: any bit of memory is read. It
// is not modelled.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	btq	%rdx, at_rax(%rsp)
	jc	trusted
	finish_exit
