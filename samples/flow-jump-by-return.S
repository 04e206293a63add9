# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 76b043848fd2 (“Add initial retpoline support”)

// A jump by way of CALL and RET: the return address is replaced by the target.
// No instruction behind the CALL is executed.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	leaq	tests(%rip), %rax
	call	2f
1:	pause
	lfence
	jmp	1b
2:	movq	%rax, (%rsp)
	ret
tests:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
