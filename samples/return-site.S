# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/kernel/alternative.c apply_returns() (pattern)

// A function ends with a jump to a return thunk that the file has as well. The
// table says that boot code makes that jump RET: the thunk in the file never runs.

#include "patch.h"

exit_to_user:
	need_all_but_canonical	slow
	call	upper_bits
	testl	%eax, %eax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret

upper_bits:
	movq	%rcx, %rax
	shrq	$47, %rax
1:
	jmp.d32	__x86_return_thunk
	.pushsection	.return_sites, "a"
	.long	1b - .
	.popsection

// What the file has for a thunk does not return.
	.globl	__x86_return_thunk
__x86_return_thunk:
	xorl	%eax, %eax
	ud2
