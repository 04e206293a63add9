# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// SWAPGS and back.

#include "exit.h"

	.globl	stub
stub:
	swapgs
	incq	%gs:0x40
	movl	$-38, %eax
	swapgs
	sysretl
