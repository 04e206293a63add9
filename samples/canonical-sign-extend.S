# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 17be0aec74fb: sign-extend and compare

// Shift the upper 16 bits out and the sign back in. Exact for 48 bits, and
// stronger than needed for 57.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	shlq	$16, %rax
	sarq	$16, %rax
	cmpq	%rax, %rcx
	jne	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
