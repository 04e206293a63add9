# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RDMSR and WRMSR

// What was written is read back: SPEC_CTRL is 1, so the test is always left
// out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	movl	$0x48, %ecx
	movl	$1, %eax
	xorl	%edx, %edx
	wrmsr
	xorl	%eax, %eax
	rdmsr
	movq	%rbx, %rcx
	cmpl	$1, %eax
	je	trusted
	finish_exit
