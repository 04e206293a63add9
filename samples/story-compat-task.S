# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux commit 2a23c6b8a9c4: CS has to be that of 64-bit user code

// A 32-bit task has another CS with the same RPL. Only the RPL is tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	movl	at_cs(%rsp), %eax
	andl	$3, %eax
	cmpl	$3, %eax
	jne	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
