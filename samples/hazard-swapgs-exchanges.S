# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2B, SWAPGS; RDGSBASE

// SWAPGS changes what RDGSBASE reads. Twice gives the old base again, as the
// exit needs it.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	rdgsbase	%rax
	swapgs
	rdgsbase	%rdx
	swapgs
	cmpq	%rax, %rdx
	jne	trusted
	finish_exit
