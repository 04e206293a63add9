# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   a refactoring: equivalent to canonical-shr47.S, the tests in another order and other scratch registers

// The same six tests, the cheap ones first. R8 and R9 take what RAX held.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	testl	$(flag_RF | flag_TF), at_rflags(%rsp)
	jnz	out_by_iret
	nop
	need_user_ss out_by_iret
	need_user_cs out_by_iret
	fill	r11
	need_r11_is_rflags out_by_iret
	movq	at_rip(%rsp), %r8
	fill	rcx
	movq	%r8, %r9
	shrq	$47, %r9
	jnz	out_by_iret
	cmpq	%r8, %rcx
	je	out_by_sysret

out_by_iret:
	leave_by_iret

out_by_sysret:
	leave_by_sysret
