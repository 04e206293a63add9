# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, figure 3-8: ZF is next to SF, OF next to IOPL

// Flags that lie side by side are set, and each is read as one bit.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$1 << 6 | 1 << 7 | 1 << 11 | 1 << 12
	popfq
	jnz	trusted
	jns	trusted
	jno	trusted
	finish_exit
