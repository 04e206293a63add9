# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2A, CLUI

// A flag that the model does not have. The path may not end here, and the
// instruction may not be taken for nothing.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	.byte	0xf3, 0x0f, 0x01, 0xee
	cmpb	$0, %gs:0x40
	jne	slow
	finish_exit
