# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// The callee does not return: it drops its return address and goes on without
// the test.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	call	2f
	jmp	3f
2:	cmpl	$0, %gs:0x40
	je	4f
	popq	%rax
	jmp	trusted
4:	ret
3:
	finish_exit
