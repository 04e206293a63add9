# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Intel SDM vol. 2A, IRET: a selector is the low 16 bits of its slot

// A selector has 16 bits, and eight of them are compared.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	cmpb	$sel_user_code, at_cs(%rsp)
	jne	slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
