# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, ADC: CF comes from the sum of three

// All ones plus 0 plus the carry: CF comes out again although neither operand
// overflows alone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	stc
	adcq	$0, %rax
	jc	trusted
	finish_exit
