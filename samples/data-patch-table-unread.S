# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a table that no known form fits

// An entry whose replacement is longer than its site: no form of the table is like
// that, so that none of it is read. The code is judged as it stands, without the
// test, and the verdict lists the assumption "unpatched-sites".

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
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
	jmp.d32	slow
664:
