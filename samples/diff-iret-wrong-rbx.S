# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   canonical-shr47.S with a mistake on the exit that nobody judges: IRETQ leaves with RBX from RBP's slot

// Every SYSRETQ is right, so the file is proved. Only against an earlier
// version the IRET exit looks wrong.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	need_everything slow
	leave_by_sysret

slow:
	fill_all_but rbx
	movq	at_rbp(%rsp), %rbx
	addq	$at_rip, %rsp
	swapgs
	iretq
