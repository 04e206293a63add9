# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site in front of the entry

// The code in front of the entry is patched as well. Nothing on the way runs it,
// so it is no part of the verdict.

#include "patch.h"

	jmp	slow
	patch	"nop", "jmp.d32 trusted", feature_smap
	.globl	exit_to_user
exit_to_user:
	need_everything	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
