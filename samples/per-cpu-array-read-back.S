# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Linux include/linux/percpu-defs.h: an array for each CPU (pattern)

// The index may select the word that the jump rests on. Only that it is so for some
// index is not worked out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	andl	$15, %edx
	movq	$0, %gs:0x88
	movq	$1, %gs:0x80(,%rdx,8)
	cmpq	$1, %gs:0x88
	je	trusted
	finish_exit
