# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ARGS:     --paging la48
# ORIGIN:   Linux Documentation/arch/x86/x86_64/mm.rst: the vsyscall page is at 0xFFFFFFFFFF600000; Linux
#           commit 17be0aec74fb

// The same test without the trap, on CPUs with 48 bits of address: the vsyscall
// page may be returned to by SYSRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shlq	$16, %rax
	sarq	$16, %rax
	cmpq	%rcx, %rax
	jne	slow
	leave_by_sysret
slow:
	leave_by_iret
