# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# EXPECT:   violated tf
# ARGS:     --frame auto
# ORIGIN:   Linux commit 7ea24169097d: TF was not tested; judged against the file's own IRET exit
#include "exit.h"

	.globl	exit_to_user
exit_to_user:
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
