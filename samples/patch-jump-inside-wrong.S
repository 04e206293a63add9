# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a branch into a site

// The site has the test of the address in both forms. Who jumps into the
// replacement behind it leaves it out.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	testq	%rbx, %rbx
	jz	inside
661:
	nop
inside:
	shrq	$47, %rax
662:
	jz	trusted
	jmp	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
	alternative	661b, 662b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	cmc
	shrq	$63, %rax
664:
