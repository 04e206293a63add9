# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   System V AMD64 psABI, 4.4: R_X86_64_32S

// A test of the address of an external symbol: it is not known here.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$somewhere, %rax
	testl	$0x1000, %eax
	jnz	trusted
	finish_exit
