# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF: table of effects at CPL0

// VIF and VIP of the image are not loaded. They stay as they were, and may have
// been 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x180002
	popfq
	pushfq
	popq	%rax
	testl	$0x180000, %eax
	jz	trusted
	finish_exit
