# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated irq
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// Interrupts would be taken on the user's stack.

#include "exit.h"

	.globl	stub
stub:
	sti
	movl	$-38, %eax
	cli
	sysretl
