# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: all 64 bits of RCX are used

// Only the low halves of RCX and RIP are compared.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	cmpl	at_rip(%rsp), %ecx
	jne	slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
