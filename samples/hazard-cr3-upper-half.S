# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MOV to and from control registers: 64 bits in 64-bit mode

// The upper half of CR3 is part of an address and may be anything but 0 as
// well.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%cr3, %rax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
