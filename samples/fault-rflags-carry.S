# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags
# ORIGIN:   Intel SDM vol. 2B, SYSRET: bits 0 and 2 to 21 of R11 are loaded

// Every bit of RFLAGS is compared but CF.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	movq	at_rflags(%rsp), %rax
	xorq	%r11, %rax
	testq	$~1, %rax
	jnz	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
