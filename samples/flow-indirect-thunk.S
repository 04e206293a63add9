# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/lib/retpoline.S (pattern): an indirect call through a thunk, in front of the tests
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x80, %rax
	movq	%rsp, %rdi
	call	__x86_indirect_thunk_rax
	need_everything slow
	leave_by_sysret

slow:
	leave_by_iret
