# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF

// POPFQ sets ZF, and the branch behind it sees that.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0x42
	popfq
	jz	trusted
	finish_exit
