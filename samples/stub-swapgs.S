# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated gs
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// The entry was not by SWAPGS, so the exit must not be.

#include "exit.h"

	.globl	stub
stub:
	movl	$-38, %eax
	swapgs
	sysretl
