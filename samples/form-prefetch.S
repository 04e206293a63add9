# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2B, PREFETCHh and PREFETCHW

// A hint is no access, also where RSP is the user's.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	prefetchw	at_ss(%rsp)
	fill_all_but	rcx, r11
	movq	at_rsp(%rsp), %rsp
	prefetcht0	(%rsp)
	prefetchnta	0x40(%rax, %rdx, 8)
	swapgs
	sysretq
slow:
	leave_by_iret
