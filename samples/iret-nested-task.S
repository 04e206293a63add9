# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated nt
# ARGS:     --check-iret
# ORIGIN:   Linux commit 8c7aa698baca: NT set by the user made IRET raise #GP; here POPFQ brings it back
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	leave_by_sysret

slow:
	movq	at_rflags(%rsp), %rax
	andq	$0x4000, %rax		// NT of the user
	pushq	%rax
	popfq
	leave_by_iret
