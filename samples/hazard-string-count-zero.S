# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, REP: a count of 0 does nothing

// RCX is 0: nothing is stored, and no flag changes.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	pushq	$7
	movq	%rsp, %rdi
	xorl	%eax, %eax
	xorl	%ecx, %ecx
	rep stosq
	popq	%rax
	movq	%rbx, %rcx
	cmpq	$7, %rax
	je	trusted
	finish_exit
