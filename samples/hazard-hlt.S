# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Intel SDM vol. 2A, HLT: an enabled interrupt resumes execution

// HLT with interrupts enabled is a pause, not an end. Behind it the test of the
// address is left out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	$0, %gs:0x40
	je	1f
	sti
	hlt
	cli
	jmp	trusted
1:
	finish_exit
