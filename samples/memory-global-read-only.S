# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   ELF gABI: .rodata is not writable

// The mask for the address comes from read-only data.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	upper_bits(%rip), %rax
	testq	%rax, %rcx
	jnz	slow
	leave_by_sysret
slow:
	leave_by_iret
	.section	.rodata
	.balign	8
upper_bits:
	.quad	-1 << 47
