# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commits 2a23c6b8a9c4 and 58978b44df72: both tests, one behind the other

// Two guards refuse the same addresses: to drop one of them gains nothing.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	slow
	btq	$63, at_rip(%rsp)
	jc	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
