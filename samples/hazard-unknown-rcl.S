# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2B, RCL: the rotation goes through CF

// RCL and RCR are not on the list: VEX computes OF for a masked count of 0. The
// path may not end here, and the instruction may not be taken for nothing.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	rclq	$1, %rax
	cmpb	$0, %gs:0x40
	jne	slow
	finish_exit
