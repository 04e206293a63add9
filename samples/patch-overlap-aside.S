# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): sites that overlap

// The same sites on the way to IRETQ only. Code that is not known may go anywhere,
// to SYSRETQ as well.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leave_by_sysret
slow:
661:
	nop
662:
	nop
663:
	nop
664:
	leave_by_iret
	alternative	661b, 663b, 665f, 666f, feature_smap
	alternative	662b, 664b, 665f, 666f, feature_fsgsbase
	.section	.altinstr_replacement, "ax"
665:
	cmc
	cmc
666:
