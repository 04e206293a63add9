# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive undecodable
# ORIGIN:   Intel FRED specification (document 346446), LKGS: F2 0F 00 /6

// LKGS writes KERNEL_GS_BASE. Disassemblers of before 2023 do not know it, and
// a path does not end where they give up.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	.byte	0xf2, 0x0f, 0x00, 0xf0		// lkgs %eax
	cmpb	$0, %gs:0x40
	jne	slow
	finish_exit
