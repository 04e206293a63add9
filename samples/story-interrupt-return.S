# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 2a23c6b8a9c4: an interrupt may leave a frame that meets the conditions

// The return from an interrupt. To the kernel it is IRETQ without SWAPGS; to
// user mode SYSRETQ is used where RCX happens to equal RIP and R11 the flags.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	testb	$3, at_cs(%rsp)
	jz	to_kernel
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
to_kernel:
	fill_all_but
	addq	$at_rip, %rsp
	iretq
