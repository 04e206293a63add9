# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Intel SDM vol. 1, 3.3.7.1: 48 or 57 bits of linear address

// Sign extension from bit 55: too wide for 48 bits, narrower than needed for 57.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shlq	$8, %rax
	sarq	$8, %rax
	cmpq	%rax, %rcx
	jne	slow
	leave_by_sysret
slow:
	leave_by_iret
