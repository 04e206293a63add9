# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   the distance of two external symbols is not known before linking
// The distance of two external symbols is not known: it may be 0x80.
#include "exit.h"
	.globl	exit_to_user
exit_to_user:
	need_everything 9f
	leaq	one(%rip), %rax
	leaq	two(%rip), %rdx
	subq	%rdx, %rax
	nop
	movq	$5, (%rsp,%rax)
	leave_by_sysret
9:	leave_by_iret
