# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, INC: CF is unaffected

// INC and DEC keep CF, which is from STC.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	stc
	incq	%rax
	decq	%rax
	jc	trusted
	finish_exit
