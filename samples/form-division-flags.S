# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, DIV: the flags are undefined

// DIV leaves ZF with any value, whatever the quotient is.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	$6, %eax
	movb	$3, %bl
	divb	%bl
	jz	trusted
	finish_exit
