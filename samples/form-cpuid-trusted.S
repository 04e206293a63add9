# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Intel SDM vol. 2A, CPUID

// The largest leaf is not known: it may well be 0.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	xorl	%eax, %eax
	cpuid
	movl	%eax, %edi
	need_all_but_canonical	slow
	testl	%edi, %edi
	jz	trusted
	finish_exit
