# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): sites that overlap

// Two sites share a byte. Which of them is written last depends on the order of
// the table and on the kernel: nothing is claimed.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
661:
	nop
662:
	nop
663:
	nop
664:
	finish_exit
	alternative	661b, 663b, 665f, 666f, feature_smap
	alternative	662b, 664b, 665f, 666f, feature_fsgsbase
	.section	.altinstr_replacement, "ax"
665:
	cmc
	cmc
666:
