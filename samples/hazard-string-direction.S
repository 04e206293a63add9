# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, STOS; vol. 1, 7.3.9.2: DF

// DF is set, so STOSQ moves RDI down.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0
	movq	%rsp, %rdi
	std
	stosq
	cld
	popq	%rdx
	cmpq	%rsp, %rdi
	jb	trusted
	finish_exit
