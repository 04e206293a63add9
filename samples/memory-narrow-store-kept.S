# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Intel SDM vol. 1, 4.1.1: words, doublewords and quadwords at any address

// Two bytes are written and read back as part of a quadword. The other six are
// those of the slot.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_everything	slow
	movq	at_rdi(%rsp), %rax
	movw	$0, at_rdi+3(%rsp)
	shrq	$24, %rax
	movw	%ax, at_rdi+3(%rsp)
	leave_by_sysret
slow:
	leave_by_iret
