# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-stub
# ENTRY:    stub
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/entry/entry_64.S entry_SYSCALL32_ignore (pattern)

// A return to 64-bit code has to test RCX, even if SYSCALL put it there: in
// compatibility mode too the last instruction may end at the limit.

#include "exit.h"

	.globl	stub
stub:
	movl	$-38, %eax
	sysretq
