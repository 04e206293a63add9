# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/kernel/alternative.c apply_returns() (pattern), with an entry for another jump

// An entry for a jump that does not lead to the thunk: boot code leaves that as it
// is, and so the test behind it is made.

#include "patch.h"

exit_to_user:
	need_all_but_canonical	slow
	movl	$1, %eax
1:
	jmp.d32	upper_bits
	.pushsection	.return_sites, "a"
	.long	1b - ., 2f - .
	.popsection
tested:
	testl	%eax, %eax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret

upper_bits:
	movq	%rcx, %rax
	shrq	$47, %rax
	jmp	tested

unused:
	nop
2:
	jmp.d32	__x86_return_thunk
	.globl	__x86_return_thunk
__x86_return_thunk:
	ret
