# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, IRET: a selector is the low 16 bits of its slot

// The upper 48 bits of the CS and SS slots mean nothing to IRETQ, so 16 bits
// are enough to compare.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	cmpw	$sel_user_code, at_cs(%rsp)
	jne	slow
	cmpw	$sel_user_stack, at_ss(%rsp)
	jne	slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
