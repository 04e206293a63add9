# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, AND: AF is undefined

// AND leaves AF undefined; LAHF makes it visible.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	xorl	%eax, %eax
	andl	%eax, %eax
	lahf
	testb	$0x10, %ah
	jnz	trusted
	finish_exit
