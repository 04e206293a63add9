# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// A 32-bit SYSCALL that is turned away: nothing was saved, nothing is to be restored.

#include "exit.h"

	.globl	stub
stub:
	movl	$-38, %eax
	sysretl
