# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, UD: UD1 raises #UD

// A compiler's checks end in UD1, whose operand tells the handler which one failed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	$0, at_rdi(%rsp)
	jne	1f
	ud1l	16(%rax), %ecx
	jmp	trusted
1:
	finish_exit
