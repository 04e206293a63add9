# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Linux include/linux/percpu-defs.h: an array for each CPU (pattern)

// The word that the jump rests on is the last one of the array.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	andl	$15, %edx
	movq	$0, %gs:0xf8
	movq	$1, %gs:0x80(,%rdx,8)
	cmpq	$1, %gs:0xf8
	je	trusted
	finish_exit
