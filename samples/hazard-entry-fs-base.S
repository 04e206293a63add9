# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 3A, 3.4.4: FS.base is the user's, as is every thread's

// FS.base is not 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	rdfsbase	%rax
	testq	%rax, %rax
	jnz	trusted
	finish_exit
