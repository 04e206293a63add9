# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive loop-bound
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// A function calls itself for ever unless a per-CPU word says otherwise. How
// deep it nests has no bound.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	call	again
	jmp	test_address
again:
	cmpl	$0, %gs:0x40
	je	1f
	incl	%gs:0x44
	cmpl	$0, %gs:0x44
	je	1f
	call	again
1:	ret
test_address:
	finish_exit
