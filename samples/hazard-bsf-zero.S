# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, BSF; AMD APM vol. 3, BSF: a source of 0 leaves the destination as it was

// BSF of 0 into a 32-bit register: AMD keeps all 64 bits of it, the manual of
// Intel says undefined. That a write of 32 bits clears the upper half does not
// hold here.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	at_rip(%rsp), %rax
	xorl	%edx, %edx
	bsfl	%edx, %eax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
