# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rbx
# ORIGIN:   Linux 4.0, arch/x86/include/asm/calling.h: the callee-saved registers are not in this frame

// A register that the frame does not hold is still the user's, until this clears it.

	.globl	exit_to_user
exit_to_user:
	xorl	%ebx, %ebx
	jmp	return_to_user

#include "linux-2015-tf-tested.S"
