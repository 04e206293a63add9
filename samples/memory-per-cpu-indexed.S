# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 3A, 3.4.4

// A store to per-CPU memory with an index that nothing bounds, between a write
// and a read of a word there.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$1, %gs:0x40
	movq	$0, %gs:(%rdx)
	cmpq	$0, %gs:0x40
	je	trusted
	finish_exit
