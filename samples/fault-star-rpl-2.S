# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated star on amd:la48 amd:la57
# ORIGIN:   AMD APM vol. 3, SYSRET: SS is STAR[63:48]+8, its RPL is not forced

// The base in STAR has RPL 2.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$0xc0000081, %ecx
	rdmsr
	movl	$0x00220010, %edx
	wrmsr
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
