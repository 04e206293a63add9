# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux Documentation/arch/x86/x86_64/mm.rst: the vsyscall page is at 0xFFFFFFFFFF600000; Linux
#           commit 2a23c6b8a9c4: the upper 17 bits

// An address in the vsyscall page belongs to user mode although its upper bits
// are set. The test of the upper 17 bits sends it to IRETQ: the trap behind the
// tests does not spring.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	cmpq	$-10 << 20, %rcx
	jne	1f
	xorl	%ecx, %ecx		// whoever gets here is seen
1:	leave_by_sysret
slow:
	leave_by_iret
