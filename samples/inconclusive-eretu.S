# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Intel FRED specification (document 346446), ERETU

// The return to user mode of FRED. It is recognised, and not modelled.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	fill_all_but
	addq	$at_rip, %rsp
	.byte	0xf3, 0x0f, 0x01, 0xca	// eretu
