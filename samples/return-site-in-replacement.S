# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/kernel/alternative.c apply_returns() (pattern) in the replacement of an alternative

// The replacement is a whole function that ends with a jump to the return thunk.
// It is made RET first and copied then.

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
	patch	"ud2", "movq %rcx, %rax; shrq $47, %rax; 1: jmp.d32 __x86_return_thunk", feature_always
	.pushsection	.altinstr_replacement, "ax"
2:
	.popsection
	.pushsection	.return_sites, "a"
	.long	2b - 5 - .
	.popsection
	.globl	__x86_return_thunk
__x86_return_thunk:
	ud2
