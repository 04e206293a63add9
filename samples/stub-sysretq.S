# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated canonical, cs
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// The wrong SYSRET: 32-bit code would go on in 64-bit mode, at an address that
// nobody tested.

#include "exit.h"

	.globl	stub
stub:
	movl	$-38, %eax
	sysretq
