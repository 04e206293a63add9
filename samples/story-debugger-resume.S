# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rf
# ORIGIN:   Intel SDM vol. 3B, 18.3.1.1: RF suppresses an instruction breakpoint once

// A debugger sets RF so that the program gets over a breakpoint. SYSRETQ drops
// it: TF alone is tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
