# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// A jump through a register that has one of two addresses. One of them is
// behind the test.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	leaq	test_address(%rip), %rax
	leaq	trusted(%rip), %rdx
	cmpl	$0, %gs:0x40
	cmovneq	%rdx, %rax
	jmp	*%rax
test_address:
	finish_exit
