# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1.1: 8-bit and 16-bit results leave the upper bits unmodified

// An increment of AX wraps at 16 bits and goes no further.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x1ffff, %eax
	incw	%ax
	cmpq	$0x10000, %rax
	je	trusted
	finish_exit
