# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   a test whose absence opens a way that no machine takes today; the class of dead error handling

// The second look at CS can only find something if the first one is taken out. Then
// it leads around the test of the address: the first test is what that test rests on.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_user_cs	by_iret
	need_rcx_is_rip	by_iret
	cmpq	$sel_user_code, at_cs(%rsp)
	jne	rest
	need_canonical	by_iret
rest:
	need_user_ss	by_iret
	need_r11_is_rflags	by_iret
	need_flags_clear	flag_RF | flag_TF, by_iret
	leave_by_sysret

by_iret:
	leave_by_iret
