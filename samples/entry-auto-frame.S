# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   violated tf
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// The test of TF is missing. What is in front of the call builds the frame, so
// this is a defect of the exit and not of a wrong place to start.

#include "exit.h"
#include "enter.h"

	.globl	system_call
system_call:
	swapgs
	movq	%rsp, %gs:0x40
	movq	%gs:0x48, %rsp
	push_frame	%gs:0x40
	movq	%rsp, %rdi
	call	work // not in this file
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF, slow
	leave_by_sysret
slow:
	leave_by_iret
