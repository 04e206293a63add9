# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   the shape of Linux commit ca282b486a57: one function decides

// The tests are in a function of this file, which answers in EAX. It has to be
// followed: its answer alone proves nothing.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rdi
	call	may_use_sysret
	testb	%al, %al
	jz	slow
	fill	rcx
	fill	r11
	leave_by_sysret

slow:
	leave_by_iret

// RDI: the frame. AL: 1 if SYSRETQ will do.
may_use_sysret:
	xorl	%eax, %eax
	movq	at_rip(%rdi), %rcx
	cmpq	at_rcx(%rdi), %rcx
	jne	1f
	movabsq	$0x00007ffffffff000, %rdx
	cmpq	%rdx, %rcx
	jae	1f
	cmpw	$sel_user_code, at_cs(%rdi)
	jne	1f
	cmpw	$sel_user_stack, at_ss(%rdi)
	jne	1f
	movq	at_rflags(%rdi), %rcx
	cmpq	at_r11(%rdi), %rcx
	jne	1f
	testl	$(flag_RF | flag_TF), %ecx
	jnz	1f
	incl	%eax
1:	ret
