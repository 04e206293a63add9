# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, gpr.rcx
# ORIGIN:   Linux Documentation/arch/x86/x86_64/mm.rst: the vsyscall page is at 0xFFFFFFFFFF600000; Linux
#           commit 17be0aec74fb

// With the exact test of 48 bits the vsyscall page is canonical and comes by
// SYSRETQ, which is right. That it does is shown by the trap behind the tests.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shlq	$16, %rax
	sarq	$16, %rax
	cmpq	%rcx, %rax
	jne	slow
	cmpq	$-10 << 20, %rcx
	jne	1f
	xorl	%ecx, %ecx		// whoever gets here is seen
1:	leave_by_sysret
slow:
	leave_by_iret
