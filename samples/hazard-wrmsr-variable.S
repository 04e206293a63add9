# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2B, WRMSR: ECX selects the MSR

// Which MSR is written is not a constant. It could be STAR or a GS base.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	%gs:0x40, %ecx
	wrmsr
	movq	%rbx, %rcx
	finish_exit
