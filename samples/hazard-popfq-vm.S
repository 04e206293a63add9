# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF: table of effects at CPL0

// VM in the image has no effect, and PUSHFQ pushes a 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x20002
	popfq
	pushfq
	popq	%rax
	testl	$0x20000, %eax
	jz	trusted
	finish_exit
