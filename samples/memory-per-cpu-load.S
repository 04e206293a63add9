# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux include/asm-generic/percpu.h

// Per-CPU memory is arbitrary at the entry.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	testb	$1, %gs:0x40
	jnz	trusted
	finish_exit
