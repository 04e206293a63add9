# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rdi
# ORIGIN:   System V psABI for AMD64, 3.2.1: RDI belongs to the callee

// RDI was loaded before the call and is not loaded again after it. The
// function returns with any value in it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	fill	rdi
	call	slow_work
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	fill_all_but rcx, r11, rdi
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
