# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// The callee adds to its return address and so jumps over the test of the
// address.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	call	2f
1:	jmp	3f
	jmp	trusted
2:	addq	$2, (%rsp)		// the length of the first jump
	ret
3:
	finish_exit
