# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MUL: SF, ZF, AF and PF are undefined

// The compare sets ZF, the product is not 0, and ZF is undefined behind MUL.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$3, %eax
	cmpl	%eax, %eax
	mull	%eax
	jz	trusted
	finish_exit
