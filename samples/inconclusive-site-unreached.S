# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive site-unreached
# ORIGIN:   Intel SDM vol. 2B, SYSRET; a site that was not looked at is not proved

// A second SYSRETQ, without a test in front of it, is in code that the entry
// does not lead to.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
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

	.globl	forgotten_exit
forgotten_exit:
	movq	at_rip(%rsp), %rcx
	movq	at_rflags(%rsp), %r11
	leave_by_sysret
