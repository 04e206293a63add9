# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: openbsd
# ENTRY:    syscall_exit
# EXPECT:   violated ss-attrs on amd:la48 amd:la57
# ORIGIN:   OpenBSD .Lsyscall_check_asts with every test that SYSRETQ needs; AMD APM vol. 3, SYSRET

// RCX and R11 are given up by the system call. All that the frame can say is
// tested. What is left is the hidden part of SS, which AMD's SYSRETQ keeps and of
// which the contract promises nothing.

#include "openbsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	testl	$need_iret, proc_flags(%r14)
	jnz	slow
	movq	at_rip(%rsp), %rcx
	shrq	$47, %rcx
	jnz	slow
	cmpw	$sel_user_code, at_cs(%rsp)
	jne	slow
	cmpw	$sel_user_stack, at_ss(%rsp)
	jne	slow
	testl	$flag_RF | flag_TF, at_rflags(%rsp)
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
