# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: RFLAGS is loaded from R11

// R11 is never compared with the saved flags. RF and TF are still tested in
// the frame, so only the other flag bits can differ.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
