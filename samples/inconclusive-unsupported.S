# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unsupported-instruction
# ORIGIN:   Intel SDM vol. 2D, XSAVE

// XSAVE writes a good part of memory and is not modelled. The path may not
// simply end there.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x58, %rdi
	xsave	(%rdi)
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
