# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, 3.4.3: RF is bit 16, TF is bit 8

// RF and TF, each tested in its own byte of the slot.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	testb	$1, at_rflags+2(%rsp)	// RF
	jnz	slow
	testb	$1, at_rflags+1(%rsp)	// TF
	jnz	slow
	leave_by_sysret

slow:
	leave_by_iret
