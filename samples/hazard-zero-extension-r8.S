# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2D, XCHG: 41 90 is XCHG R8D, EAX

// With REX.B, 90 is an exchange of R8 and RAX.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	movl	$1, %r8d
	.byte	0x41, 0x90
	testl	%eax, %eax
	jnz	trusted
	finish_exit
