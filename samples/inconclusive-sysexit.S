# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive not-modelled-exit
# ORIGIN:   Intel SDM vol. 2B, SYSEXIT

// SYSEXIT takes RIP from RDX and RSP from RCX, and leaves the flags alone.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	movq	at_rip(%rsp), %rdx
	movq	at_rsp(%rsp), %rcx
	pushq	at_rflags(%rsp)
	popfq
	swapgs
	rex.W sysexit
