# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, MOVSXD; vol. 2A, CBW/CWDE/CDQE

// MOVSXD keeps the sign, MOVZX drops it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x80ff, %edx
	movzwl	%dx, %eax
	movswq	%dx, %rdx
	cmpq	$0x80ff, %rax
	jne	slow
	cmpq	$-0x7f01, %rdx
	je	trusted
	finish_exit
