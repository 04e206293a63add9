# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MOV to and from control registers: OF, SF, ZF, AF, PF and CF are undefined

// The flags of the compare do not survive the read of CR3.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	%rax, %rax
	movq	%cr3, %rdx
	jnz	trusted
	finish_exit
