# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   violated cs
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// Two exits, one of which forgets CS.

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
	cmpl	$0, %gs:0x50
	je	other
	need_everything	slow
	leave_by_sysret
other:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
