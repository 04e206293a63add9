# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, CALL (near, absolute indirect)

// A call through a per-CPU pointer can go anywhere, so it may change anything
// in memory. The tests come after it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%rsp, %rdi
	movq	%gs:0x60, %rax
	call	*%rax
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
