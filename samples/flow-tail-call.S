# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated rip, rflags, rf, canonical, cs, ss, tf
# ORIGIN:   a subroutine ends in a jump to another file's function, which returns to the exit path (System V ABI)
#include "exit.h"

// The callee may rewrite the frame, and its answer says nothing of it.

	.globl	exit_to_user
exit_to_user:
	call	check
	testl	%eax, %eax
	jnz	slow
	fill	rcx
	fill	r11
	leave_by_sysret

check:
	leaq	8(%rsp), %rdi
	jmp	check_elsewhere

slow:
	leave_by_iret
