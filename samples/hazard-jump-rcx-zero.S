# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, JRCXZ: RCX, not flags

// JRCXZ looks at all of RCX. The saved RIP may be 0 in its lower half.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	testl	%ecx, %ecx
	jnz	slow
	jrcxz	slow
	jmp	trusted
	finish_exit
