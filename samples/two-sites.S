# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated tf
# ORIGIN:   Intel SDM vol. 2B, SYSRET; every site has to be proved

// Two SYSRETQ behind a per-CPU flag: the first is right, the second does not
// test TF.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	cmpb	$0, %gs:0x48
	je	1f
	need_everything slow
	leave_by_sysret
1:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF, slow
	leave_by_sysret

slow:
	leave_by_iret
