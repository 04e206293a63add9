# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux start_thread() and ELF_PLAT_INIT: registers of a new program

// After exec all registers are zero but RIP, RSP, the selectors and the flags.
// RCX is not RIP then, so the first return is an IRETQ.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, %gs:0x40		// no exec
	je	1f
	.irp	reg, r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi
	movq	$0, at_\reg(%rsp)
	.endr
	movq	%gs:0x48, %rax
	movq	%rax, at_rip(%rsp)
	movq	%gs:0x50, %rax
	movq	%rax, at_rsp(%rsp)
	movq	$sel_user_code, at_cs(%rsp)
	movq	$sel_user_stack, at_ss(%rsp)
	movq	$0x202, at_rflags(%rsp)
1:	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
