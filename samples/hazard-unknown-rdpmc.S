# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2B, RDPMC

// RAX and RDX are overwritten. The path may not end here, and the instruction
// may not be taken for nothing.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	rdpmc
	cmpb	$0, %gs:0x40
	jne	slow
	finish_exit
