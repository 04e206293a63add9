# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-jump
# ORIGIN:   Intel SDM vol. 2A, JMP (near, absolute indirect)

// The slow arm jumps through a per-CPU pointer. Where to is not known, and it
// may well be a SYSRETQ.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	movq	%gs:0x60, %rax
	jmp	*%rax
