# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: openbsd
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   OpenBSD .Lsyscall_check_asts with a test of the address

// A per-process flag asks for IRETQ. The address is tested in addition: from
// this code alone it does not follow that the flag is set for a bad one.

#include "openbsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	testl	$need_iret, proc_flags(%r14)
	jnz	slow
	movq	at_rip(%rsp), %rcx
	shrq	$47, %rcx
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
