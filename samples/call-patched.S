# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux kernel/static_call_inline.c: a call that boot code points elsewhere (pattern)

// A call that the table of static calls names goes to the function of the moment.
// That it keeps to the ABI is the assumption "patched-calls"; all is tested behind
// it.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
1:
	call	trampoline
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	.static_call_sites, "a"
	.long	1b - .
	.long	0
