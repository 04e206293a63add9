# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, DIV: #DE if the quotient does not fit

// 256 into 1 byte does not fit: #DE, so that the jump to "trusted" is never taken.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	$0, at_rdi(%rsp)
	je	1f
	movl	$256, %eax
	movb	$1, %bl
	divb	%bl
	jmp	trusted
1:
	finish_exit
