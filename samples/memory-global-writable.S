# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI: .data is writable

// A limit in .data is 47 in the file. At run time it is anything up to 63: then
// nothing is shifted out but the sign.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	shift(%rip), %eax
	cmpl	$47, %eax
	jne	trusted
	finish_exit
	.data
	.balign	4
shift:
	.long	47
