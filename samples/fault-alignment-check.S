# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CLAC; vol. 2B, STAC: they write RFLAGS.AC

// AC is what CLAC and STAC made of it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	clac
	pushfq
	popq	%rax
	btl	$18, %eax
	jc	trusted
	stac
	pushfq
	popq	%rax
	btl	$18, %eax
	jnc	trusted
	clac
	finish_exit
