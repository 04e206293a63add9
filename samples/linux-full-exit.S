# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   the frame of Linux since 4.2; commit 17be0aec74fb

// The plain full exit: every test, every register, both ways out. Begin here.

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
