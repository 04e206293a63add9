# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: openbsd
# ENTRY:    syscall_exit
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   OpenBSD .Lsyscall_check_asts as it is: the flag MDP_IRET is set elsewhere; the test of CVE-2012-0217

// OpenBSD sets the flag wherever a user's registers are replaced, and keeps the
// last page below the hole unmapped. Neither is in this file, so this file does
// not prove it.

#include "openbsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	testl	$need_iret, proc_flags(%r14)
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
