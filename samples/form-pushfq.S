# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, PUSHF and POPF

// The outcome of the first comparison is kept on the stack over the others.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	cmpq	at_rip(%rsp), %rcx
	pushfq				// the frame is 8 bytes further up from here
	cmpq	$sel_user_code, at_cs+8(%rsp)
	jne	1f
	cmpq	$sel_user_stack, at_ss+8(%rsp)
	jne	1f
	popfq
	jne	slow			// RCX and RIP
	need_canonical slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret
1:	addq	$8, %rsp

slow:
	leave_by_iret
