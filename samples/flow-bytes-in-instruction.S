# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, 2.1: instructions are decoded where control goes

// The bytes of SYSRETQ in an immediate and in a displacement are no SYSRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0x90070f48, %eax
	cmpl	$0x00070f48, 0x00070f48(%rsp)
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
