# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 1, 3.4.1.1: with a REX prefix register 6 is SIL, without DH

// The same ModRM byte names DH without a REX prefix and SIL with one.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$0x1234, %edx
	movl	$0x5678, %esi
	.byte	0x88, 0xf0		// movb %dh, %al
	.byte	0x40, 0x88, 0xf3		// movb %sil, %bl
	cmpb	$0x12, %al
	jne	slow
	cmpb	$0x78, %bl
	je	trusted
	finish_exit
