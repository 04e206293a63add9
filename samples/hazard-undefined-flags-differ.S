# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, AND: AF is undefined

// AF is undefined after AND. The two instructions are on one source line, and a
// page apart; that they are the same instruction to a reader does not make
// their undefined flags equal.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	.balign	4096; andl %eax, %eax; lahf; movl %eax, %ebx; nopl (%rax); jmp 1f; .balign 4096; 1: andl %eax, %eax; lahf
	xorl	%eax, %ebx
	need_all_but_canonical	slow
	testl	$0x1000, %ebx		// AF in AH, of one or the other
	jnz	trusted
	finish_exit
