# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2B, WRMSR

// The MSR is IA32_SYSENTER_CS; it has no model, so the write is not passed
// over.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	$0x174, %ecx
	wrmsr
	movq	%rbx, %rcx
	finish_exit
