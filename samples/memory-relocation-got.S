# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive relocation
# ORIGIN:   System V AMD64 psABI, 4.4.1: GOTPCREL

// The address of a variable comes from a table that the linker makes. It is not
// in the object file.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	mode@GOTPCREL(%rip), %rax
	cmpl	$0, (%rax)
	jne	trusted
	finish_exit
	.data
	.globl	mode
mode:
	.long	0
