# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   inconclusive callee-not-followed
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// The exit without the test of CS is taken if a function of another file returns 0.
// Whether it does is not known.

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
	testl	%eax, %eax
	jz	other
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
