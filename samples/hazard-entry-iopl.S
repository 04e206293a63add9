# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF

// IOPL, AC, VIF and ID are what user space left.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushfq
	popq	%rax
	testl	$0x3000, %eax
	jnz	trusted
	finish_exit
