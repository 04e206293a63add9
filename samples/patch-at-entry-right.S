# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): the entry is a site

// The first instruction is patched, and both ways make every test.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	patch	"", "jmp.d32 other", feature_smap
	need_everything	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
other:
	need_everything	slow
	jmp	trusted
