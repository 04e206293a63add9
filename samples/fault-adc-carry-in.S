# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, ADC: CF by the whole sum

// A word, all ones and a carry: the sum is the word, and there is a carry out of it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rdx
	stc
	adcq	%rdx, %rax
	jnc	trusted
	finish_exit
