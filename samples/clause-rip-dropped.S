# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: RIP is loaded from RCX

// RCX is tested for canonicality but never compared with the return address.
// SYSRETQ goes to the user's RCX, IRETQ to the frame's RIP.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
