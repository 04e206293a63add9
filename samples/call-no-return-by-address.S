# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux tools/objtool/noreturns.h: panic() does not return

// The same with a call through a register that has the function's address.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shrq	$47, %rax
	jz	trusted
	movq	$panic, %rax
	call	*%rax
trusted:
	leave_by_sysret
slow:
	leave_by_iret
