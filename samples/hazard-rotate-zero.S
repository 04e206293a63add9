# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, RCL/RCR/ROL/ROR: SF, ZF, AF and PF are unaffected

// ROL leaves ZF alone although the result is not 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	%eax, %eax
	movl	$1, %eax
	rolq	$1, %rax
	jz	trusted
	finish_exit
