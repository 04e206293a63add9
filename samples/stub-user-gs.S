# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated gs, stack
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// A per-CPU counter is counted with the user's GS base; where that leads nowhere,
// the fault comes on the user's stack.

#include "exit.h"

	.globl	stub
stub:
	incq	%gs:0x40
	movl	$-38, %eax
	sysretl
