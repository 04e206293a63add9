# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   System V psABI for AMD64, 3.2.1: RBX belongs to the caller

// RSP is parked in RBX over a call. A C function has to keep RBX.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rbx
	andq	$-16, %rsp
	movq	%rbx, %rdi
	call	slow_work
	movq	%rbx, %rsp
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
