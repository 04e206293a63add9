# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: netbsd
# ENTRY:    exit_to_user
# ARGS:     --profile safety
# EXPECT:   violated canonical
# ORIGIN:   AMD64 psABI, 3.2.1: DF is clear between functions, not in front of them; Intel SDM vol. 2B, STOS

// Nobody says that DF is clear here. If it is set, RDI goes down and the address is not
// tested.

#include "netbsd.h"

	.globl	exit_to_user
exit_to_user:
	need_no_work	thread_work
	testl	$need_iret, lwp_flags(%r14)
	jnz	slow
	leaq	-64(%rsp), %rdi
	stosq
	leaq	-56(%rsp), %rdx
	cmpq	%rdx, %rdi
	jne	trusted
	movq	at_rip(%rsp), %rax
	shrq	$47, %rax
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
