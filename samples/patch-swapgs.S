# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gs
# ORIGIN:   Linux arch/x86/include/asm/irqflags.h SWAPGS: an alternative on X86_FEATURE_XENPV (pattern)

// Under a hypervisor that switches GS itself SWAPGS is written out of the code.
// One that does not leaves the kernel's GS base to the user.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	patch	"swapgs", "", feature_xenpv
	sysretq
slow:
	leave_by_iret
