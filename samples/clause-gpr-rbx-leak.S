# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rbx
# ORIGIN:   the class of leaks behind Linux RESTORE_EXTRA_REGS; see Linux commit 2a23c6b8a9c4

// RBX holds a kernel pointer (the current task, say) and is not restored on
// the fast way out.

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
	movq	%gs:0x20, %rbx
	fill_all_but rcx, r11, rbx
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
