# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   Xen XSA-7 (CVE-2012-0217), the repaired restore_all_guest

// The address is tested in Xen's way: the increment of the top bits is 0 or 1
// if they are all equal. The guest gives up RCX and R11, so they are not
// compared with anything; the safety clauses do not ask for it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	at_rflags(%rsp), %r11
	movq	at_rip(%rsp), %rcx
	movq	%rcx, %rax
	sarq	$47, %rax
	incl	%eax
	cmpl	$1, %eax
	ja	slow
	leave_by_sysret

slow:
	leave_by_iret
