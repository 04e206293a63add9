# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CMPXCHG with LOCK

// A counter is incremented with LOCK CMPXCHG until nobody interferes. Here
// nobody does.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x40, %rax
1:	leaq	1(%rax), %rdx
	lock cmpxchgq	%rdx, %gs:0x40
	jnz	1b
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
