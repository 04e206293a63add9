# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, SYSRET, Operation: R11 AND 3C7FD7H

// No flag that SYSRETQ or IRETQ loads is above bit 21; a 32-bit comparison
// will do.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	cmpl	at_rflags(%rsp), %r11d
	jne	slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
