# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.3.1: PF is of the least significant byte

// PF looks at 8 bits. 0x100 has none set among them: even.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0xff, %eax
	addl	$1, %eax
	jp	trusted
	finish_exit
