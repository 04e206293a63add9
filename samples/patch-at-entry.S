# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): the entry is a site

// The first instruction is patched: with SMAP it jumps over every test but one.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	patch	"", "jmp.d32 most_tests", feature_smap
	need_canonical	slow
most_tests:
	need_all_but_canonical	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
