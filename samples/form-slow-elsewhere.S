# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   ELF gABI, Symbol Table: undefined symbols

// The slow arm is a jump to a symbol that this file does not define.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow_exit_elsewhere
	need_canonical slow_exit_elsewhere
	need_user_cs slow_exit_elsewhere
	need_user_ss slow_exit_elsewhere
	need_r11_is_rflags slow_exit_elsewhere
	need_flags_clear flag_RF | flag_TF, slow_exit_elsewhere
	leave_by_sysret
