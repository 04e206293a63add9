# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a branch into a site

// A jump leads into the middle of a site, to where an instruction begins in both
// forms.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	testq	%rbx, %rbx
	jz	inside
661:
	nop
inside:
	lfence
662:
	finish_exit
	alternative	661b, 662b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	cmc
	clac
664:
