# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BSWAP

// BSWAP with 32 bits reverses four bytes and clears the upper half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movabsq	$0x1122334455667788, %rax
	bswapl	%eax
	movl	$0x88776655, %edx
	cmpq	%rdx, %rax
	je	trusted
	finish_exit
