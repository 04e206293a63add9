# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.7.5: base plus index times scale

// The test is left out if a word at an unknown address is not 0. The address
// spans all of memory; what is at one of its values says nothing.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpq	$0, (%rsi, %rdx, 8)
	jne	trusted
	finish_exit
