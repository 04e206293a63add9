# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   a helper that is called with a constant and with what a machine holds; the class of shared checks

// The branch in the helper goes one way for every machine at the first call, and any way at the second, where
// it does not matter. It is one instruction: without it the first call does not look at the address.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	xorl	%r9d, %r9d
	movl	$1, %eax
	call	look
	movq	%gs:0x10, %rax
	call	look
	testq	%r9, %r9
	jnz	slow
	leave_by_sysret
slow:
	leave_by_iret

look:
	testq	%rax, %rax
	jz	1f
	movq	%rcx, %r9
	shrq	$47, %r9
1:	ret
