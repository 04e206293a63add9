# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, BT, Flags Affected: ZF is unaffected

// The ZF of the comparison has to live through the BT that follows it: both
// branches use it and CF.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_flags_clear flag_TF, slow
	cmpq	at_rflags(%rsp), %r11
	btl	$16, %r11d		// RF to CF
	jne	slow
	jc	slow
	leave_by_sysret

slow:
	leave_by_iret
