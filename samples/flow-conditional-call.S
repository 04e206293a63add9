# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// The function that tests is called on one arm only, and the arms meet again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	cmpl	$0, %gs:0x40
	je	trusted
	call	test_address
	testl	%eax, %eax
	jz	trusted
	jmp	slow
test_address:
	movq	%rcx, %rax
	shrq	$47, %rax
	ret
	finish_exit
