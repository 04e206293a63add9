# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   canonical-shr47.S with one more test: frames with a flag set on their way leave by IRETQ

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	testl	$4, %gs:0x40
	jnz	slow
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
