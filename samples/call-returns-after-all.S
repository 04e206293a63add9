# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, cs, ss, tf, canonical, gpr.rcx, gpr.r11
# ORIGIN:   Linux tools/objtool/noreturns.h: the list decides, not the intention

// The same with a function that is not on the contract's list.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shrq	$47, %rax
	jz	trusted
	call	complain
trusted:
	leave_by_sysret
slow:
	leave_by_iret
