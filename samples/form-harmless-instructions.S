# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2: NOP, LFENCE, CLAC, STAC, ENDBR64, PAUSE

// Instructions that an exit path is full of and that change nothing here.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	endbr64
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	stac
	clac
	lfence
	pause
	nopw	0x200(%rax, %rax, 1)
	leave_by_sysret

slow:
	leave_by_iret
