# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): STI under a feature

// The file has two NOPs where boot code writes STI and a NOP.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	patch	"nop; nop", "sti; nop", feature_smap
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
