# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated gpr.rbx
# ARGS:     --frame auto
# ORIGIN:   SYSRET leaves a kernel value in RBX, the file's IRET exit does not (class of register leaks on exits)
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	movq	%gs:0x40, %rbx
	fill_all_but rcx, r11, rbx
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq

slow:
	leave_by_iret
