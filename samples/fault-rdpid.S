# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, RDPID: a 64-bit register with 32 bits of IA32_TSC_AUX

// RDPID writes all of its own register.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	$-1, %rax
	rdpid	%rax
	shrq	$32, %rax
	jnz	trusted
	finish_exit
