# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Linux commit 17be0aec74fb, off by one bit

// Sign-extends from bit 48: one bit too few for 48-bit paging.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	shlq	$15, %rax
	sarq	$15, %rax
	cmpq	%rax, %rcx
	jne	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
