# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated rflags
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: R11 AND 3C7FD7H

// AC, VIF, VIP and ID are above bit 15 and are not compared.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	cmpw	at_rflags(%rsp), %r11w
	jne	slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
