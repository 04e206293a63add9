# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   a refactoring: equivalent to canonical-shr47.S, the tests in a function as a compiler writes it

// The function gets the frame's address in RDI and answers in EAX. Its callers
// find it in this file, so that it is followed.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rdi
	call	may_use_sysret
	testl	%eax, %eax
	je	slow
	begin_tests
	leave_by_sysret

slow:
	leave_by_iret

may_use_sysret:
	movq	at_rip(%rdi), %rdx
	xorl	%eax, %eax
	cmpq	at_rcx(%rdi), %rdx
	jne	1f
	movq	at_rflags(%rdi), %rcx
	cmpq	at_r11(%rdi), %rcx
	jne	1f
	testl	$(flag_RF | flag_TF), %ecx
	jne	1f
	cmpq	$sel_user_code, at_cs(%rdi)
	jne	1f
	cmpq	$sel_user_stack, at_ss(%rdi)
	jne	1f
	shrq	$47, %rdx
	sete	%al
1:	ret
