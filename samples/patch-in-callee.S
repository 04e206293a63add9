# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site in a function that is called twice

// A function shifts the address; it is called for two halves of a test. With SMAP
// it shifts too far.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	call	shift
	call	shift
	testq	%rax, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
shift:
	patch	"shrq $23, %rax", "shrq $32, %rax", feature_smap
	shrq	$0, %rax
	ret
