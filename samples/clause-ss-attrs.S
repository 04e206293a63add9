# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated ss-attrs on amd:la48 amd:la57
# ORIGIN:   Linux commit 61f01dd941ba (AMD: SYSRET leaves the SS attributes alone)

// SS is null, as the CPU leaves it after an interrupt from user mode. AMD's
// SYSRETQ sets the selector and keeps the unusable descriptor; Intel's loads
// both.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	xorl	%eax, %eax
	movl	%eax, %ss
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
