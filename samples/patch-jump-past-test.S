# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): relative operands count from their new place

// With SMAP a jump over the test of the address is written.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	patch	"", "jmp.d32 trusted", feature_smap
	finish_exit
