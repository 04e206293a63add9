# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: netbsd
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   NetBSD .Lsyscall_checkast, with the test that CVE-2012-0217 asks for

// SWAPGS comes before the last reads from the frame: these go through RSP, not
// through GS.

#include "netbsd.h"

	.globl	syscall_exit
syscall_exit:
	need_no_work thread_work	// not in this file
	testl	$need_iret, lwp_flags(%r14)
	jnz	slow
	movq	at_rip(%rsp), %rax
	shrq	$47, %rax
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
