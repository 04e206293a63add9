# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    auto
# EXPECT:   proved
# ORIGIN:   the ways to each exit are found, nobody names the entry (Allen, Control Flow Analysis, 1970: predecessors)

// An exit by SYSRETQ and one by SYSRETL: each is judged by the contract that
// describes it.

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
	need_everything	slow
	leave_by_sysret
compat:
	swapgs
	movl	%esp, %r8d
	movq	%gs:0x48, %rsp
	push_frame	%r8
	movq	%rsp, %rdi
	call	work32 // not in this file
	movl	at_rip(%rsp), %ecx
	movl	at_rflags(%rsp), %r11d
	cmpq	%rcx, at_rip(%rsp)
	jne	slow
	cmpq	$0x23, at_cs(%rsp)
	jne	slow
	cmpq	$sel_user_stack, at_ss(%rsp)
	jne	slow
	testl	$flag_TF | flag_RF, %r11d
	jnz	slow
	fill_all_but	rcx, r11, r8, r9, r10, r12, r13, r14, r15
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	xorl	%r10d, %r10d
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretl
slow:
	leave_by_iret
