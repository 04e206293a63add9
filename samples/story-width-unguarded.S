# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Linux commit 2a23c6b8a9c4; Linux commit 17be0aec74fb

// The same shift without a guard, in a build for 57 bits that runs on a CPU
// with 48.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
#define ADDRESS_BITS 56
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shrq	$ADDRESS_BITS, %rax
	jnz	slow
	leave_by_sysret
slow:
	leave_by_iret
