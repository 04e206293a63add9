# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BTR: a memory operand takes the offset as it is; with an immediate it is taken modulo the width

// An immediate number never leaves the word: the store hits per-CPU memory.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow

	btrq	$0x40, %gs:0x40
	leave_by_sysret
slow:
	leave_by_iret
