# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a table that no known form fits

// The same with an exit that makes every test: proved as it stands, unpatched, with
// that as an assumption.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
661:
	nop
662:
trusted:
	leave_by_sysret
slow:
	leave_by_iret
	alternative	661b, 662b, 663f, 664f, feature_always
	.section	.altinstr_replacement, "ax"
663:
	jmp.d32	trusted
664:
