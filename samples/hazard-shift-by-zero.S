# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAL/SAR/SHL/SHR: no flag changes if the masked count is 0

// A count of 64 is 0 after masking. ZF stays as the compare left it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	%eax, %eax
	movl	$1, %eax
	.byte	0x48, 0xc1, 0xe0, 0x40		// shlq $64, %rax
	jz	trusted
	finish_exit
