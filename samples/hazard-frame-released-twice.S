# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip, rflags, rf, cs
# ARGS:     --profile seed
# ORIGIN:   CVE-2014-4699: a debugger rewrites the frame between test and exit

// RSP goes above the frame and back, and only then a function is called. The
// frame lies in use again, the function may rewrite it, and what was tested is
// not what IRETQ would take. Of the selectors only SS is tested again.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rcx, %rbx		// the callee keeps these
	movq	%r11, %rbp
	addq	$at_rsp, %rsp
	subq	$at_rsp, %rsp
	call	slow_work
	need_user_ss	slow
	movq	%rbx, %rcx
	movq	%rbp, %r11
	leave_by_sysret
slow:
	leave_by_iret
