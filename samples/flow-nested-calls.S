# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CALL; vol. 2B, RET

// Three nested calls, the innermost of which decides. One value of a per-CPU
// byte leaves the test out.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	call	outer
	testl	%eax, %eax
	jnz	trusted
	jmp	test_address
outer:
	call	middle
	ret
middle:
	pushq	%rbx
	call	inner
	popq	%rbx
	ret
inner:
	xorl	%eax, %eax
	cmpb	$0x77, %gs:0x40
	sete	%al
	ret
test_address:
	finish_exit
