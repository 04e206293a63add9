# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 3A, 3.4.4

// What was written to per-CPU memory is there when it is read with another
// width.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$0x0100, %gs:0x40
	cmpb	$1, %gs:0x41
	je	trusted
	finish_exit
