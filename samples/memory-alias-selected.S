# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Intel SDM vol. 2A, CMOVcc

// The pointer is one of two, the saved RIP or a word below it. The store counts
// as one with an unknown address, and a run in which it hits nothing does not
// exist.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	leaq	at_rip(%rsp), %rdi
	leaq	120(%rsp), %rdx
	cmpl	$0, %gs:0x40
	cmoveq	%rdx, %rdi
	notq	(%rdi)
	leave_by_sysret
slow:
	leave_by_iret
