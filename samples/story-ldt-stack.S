# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated ss
# ORIGIN:   Linux arch/x86/entry: espfix, for stacks of 16-bit segments in the LDT

// SS from the LDT goes to IRETQ; one from the GDT is taken to be the user's
// without looking which.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	testb	$4, at_ss(%rsp)
	jnz	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
