# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, INT3; assumption traps-end

// #BP is a trap: the saved RIP points behind INT3, and a handler that just
// returns would continue with the test of the address left out. The verdict
// rests on the assumption traps-end, which the report lists.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	$0, %gs:0x40
	je	1f
	int3
	jmp	trusted
1:
	finish_exit
