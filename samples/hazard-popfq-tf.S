# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated stack
# ORIGIN:   Intel SDM vol. 3B, 18.3.1.4: the trap comes after the instruction behind POPF

// The flags are loaded by POPFQ and TF may be among them. #DB comes one
// instruction later: RSP is the user's by then.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | 1 << 9, slow		// IF, but not TF
	fill_all_but	rcx, r11
	pushq	at_rflags(%rsp)
	popfq
	movq	at_rsp(%rsp), %rsp
	swapgs
	sysretq
slow:
	leave_by_iret
