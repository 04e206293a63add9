# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 3A, Privilege Levels: the low two bits of the saved CS

// SWAPGS is executed only if the frame is a user's, which the tests have
// established before. A merge of the two arms must not lose that.

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
	fill_all_but rcx, r11
	testb	$3, at_cs(%rsp)
	movq	at_rsp(%rsp), %rsp
	jz	1f
	swapgs
1:	sysretq

slow:
	leave_by_iret
