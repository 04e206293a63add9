# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF: table of effects at CPL0

// NT is loaded and read back. (IRETQ on the slow arm would fault; that arm is
// not judged.)

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x4002
	popfq
	pushfq
	popq	%rax
	testl	$0x4000, %eax
	jnz	trusted
	finish_exit
