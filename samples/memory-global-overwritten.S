# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   ELF gABI: .data is writable

// A word in .data is written, then one byte of it, and read as a whole.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0, counter(%rip)
	movb	$1, counter+3(%rip)
	cmpl	$0x01000000, counter(%rip)
	je	trusted
	finish_exit
	.data
	.balign	4
counter:
	.long	0
