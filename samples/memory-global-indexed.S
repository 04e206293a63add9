# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.7.5: base plus index times scale

// A table in read-only data is read with an index that nothing bounds. It may
// reach anything.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpb	$9, table(%rdx)
	je	trusted
	finish_exit
	.section	.rodata
table:
	.byte	0, 1, 2, 3
