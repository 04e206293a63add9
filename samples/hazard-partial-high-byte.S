# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1.1: AH is bits 15:8 of RAX

// AH is bits 8 to 15, and the rest stays.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	movb	$1, %ah
	cmpq	$0x100, %rax
	je	trusted
	finish_exit
