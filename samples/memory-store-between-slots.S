# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 2A, IRET; the frame has a word that neither exit reads

// The word between RDI and RIP belongs to the frame and is read by neither
// exit.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	%rax, 120(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
