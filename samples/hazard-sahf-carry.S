# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SAHF; vol. 2A, LAHF

// SAHF loads CF from bit 0 of AH and leaves OF alone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x0100, %eax
	sahf
	jc	trusted
	finish_exit
