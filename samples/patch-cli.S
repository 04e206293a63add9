# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): CLI under a feature

// With SMAP nothing disables interrupts again before the user's stack is loaded.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	sti
	nop
	patch	"cli", "", feature_smap
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
