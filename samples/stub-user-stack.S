# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated stack
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// RSP is still the user's.

#include "exit.h"

	.globl	stub
stub:
	pushq	%rbx
	movl	$-38, %eax
	popq	%rbx
	sysretl
