# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux tools/objtool/noreturns.h: panic() does not return

// An address that is not canonical ends in panic(), which the contract says does
// not return: nothing behind the call runs.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shrq	$47, %rax
	jz	trusted
	call	panic
trusted:
	leave_by_sysret
slow:
	leave_by_iret
