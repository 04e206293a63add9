# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    exit_to_user
# EXPECT:   violated cr3
# ORIGIN:   Meltdown, CVE-2017-5754: user mode runs on its own page tables

// Both exits leave on the same wrong page tables: the contract says that CR3 is as at
// the entry.

	.globl	exit_to_user
exit_to_user:
	movq	%gs:0x10, %rax
	movq	%rax, %cr3
	jmp	return_to_user

#include "linux-2015-tf-tested.S"
