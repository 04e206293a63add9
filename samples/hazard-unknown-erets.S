# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel FRED specification (document 346446), ERETS: F2 0F 01 CA

// ERETS differs from ERETU by one prefix and returns within CPL0. The path may
// not end here, and the instruction may not be taken for nothing.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	.byte	0xf2, 0x0f, 0x01, 0xca
	cmpb	$0, %gs:0x40
	jne	slow
	finish_exit
