# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-compat
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/entry/entry_64_compat.S: R12 to R15 are not loaded (pattern)

// R12 and R15 are cleared, R13 and R14 stay as they are: 32-bit code sees none of
// them.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
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
	xorl	%r12d, %r12d; xorl %r15d, %r15d
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretl
slow:
	leave_by_iret
