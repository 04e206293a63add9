# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/irqflags.h SWAPGS: an alternative on X86_FEATURE_XENPV (pattern), with a feature that every machine has

// SWAPGS is not in the file, and on every machine that runs.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	patch	"", "swapgs", feature_always
	sysretq
slow:
	leave_by_iret
