# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): entries of one site with different lengths

// The second entry is shorter than the first. What is left of the longer one
// depends on the kernel's version.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
661:
	.skip	6, 0x90
662:
	finish_exit
	alternative	661b, 662b, 663f, 664f, feature_smap
	alternative	661b, 661b+3, 664f, 665f, feature_fsgsbase
	.section	.altinstr_replacement, "ax"
663:
	movl	$1, %edx
	nop
664:
	clac
665:
