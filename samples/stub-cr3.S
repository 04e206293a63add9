# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated cr3
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// The kernel's page table is left behind.

#include "exit.h"

	.globl	stub
stub:
	movq	%cr3, %rax
	andq	$-0x1001, %rax
	movq	%rax, %cr3
	movl	$-38, %eax
	sysretl
