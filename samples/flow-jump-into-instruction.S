# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated tf
# ORIGIN:   Intel SDM vol. 2A, 2.1: instructions are decoded where control goes

// A jump into the immediate of an instruction, where the bytes of SYSRETQ are.
// TF was not tested.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF, slow
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	swapgs
	jmp	1f + 1
1:	cmpl	$0x90070f48, %eax
slow:
	leave_by_iret
