# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF: table of effects at CPL0

// IOPL is loaded at CPL0 and read back.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x3002
	popfq
	pushfq
	popq	%rax
	testl	$0x3000, %eax
	jnz	trusted
	finish_exit
