# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a branch into a site

// A jump leads into the middle of a site. In the file an instruction begins there,
// in the replacement none does: what runs then is nobody's code.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	testq	%rbx, %rbx
	jz	inside
661:
	nop
inside:
	nop
	nop
	nop
662:
	finish_exit
	alternative	661b, 662b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	lfence
664:
