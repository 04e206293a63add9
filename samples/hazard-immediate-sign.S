# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.3.7: 32-bit immediates are sign-extended

// CMP with 64 bits takes an immediate of 32 bits and extends its sign: it is
// not 0xFFFFFFFF that RAX is compared with.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$-1, %eax
	cmpq	$-1, %rax
	jne	trusted
	finish_exit
