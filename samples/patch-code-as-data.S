# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive replay-refused
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site that is read

// The code reads a byte of a site and trusts the address where it is not the one
// in the file. The byte counts as unknown; the emulator, which has the code as it
// runs, refuses a machine with another one.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$0x90, site(%rip)
	jne	trusted
	finish_exit
site:
661:
	nop
662:
	alternative	661b, 662b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	cmc
664:
