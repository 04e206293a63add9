# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive relocation
# ORIGIN:   System V AMD64 psABI, 4.4: relocation types of 8 and 16 bits

// The low byte of the address of an external symbol as an immediate. Which
// value it has is up to the linker.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movb	$somewhere, %al
	testb	%al, %al
	jz	trusted
	finish_exit
