# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1: RSP is a register

// RSP may be any multiple of 8 and more: a test of one of its bits can go
// either way.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	testq	$0x1000, %rsp
	jnz	trusted
	finish_exit
