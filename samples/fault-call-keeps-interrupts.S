# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    exit_to_user
# EXPECT:   violated irq
# ORIGIN:   Linux 4.0, arch/x86/kernel/entry_64.S: int_with_check disables interrupts again

// Interrupts are enabled for a function that leaves them so, and nobody disables them.

	.globl	exit_to_user
exit_to_user:
	sti
	call	work
	jmp	return_to_user

#include "linux-2015-tf-tested.S"
