# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux-4.0
# ENTRY:    exit_to_user
# ARGS:     --check-iret
# EXPECT:   violated cr3
# ORIGIN:   Meltdown, CVE-2017-5754: user mode runs on its own page tables

// The IRET exit in front of the right SYSRET writes a CR3 of its own, where the contract
// says that CR3 is as at the entry.

	.globl	exit_to_user
exit_to_user:
	cmpb	$0, %gs:0x48
	je	return_to_user
	movq	%gs:0x10, %rax
	movq	%rax, %cr3
	addq	$0x50, %rsp
	swapgs
	iretq

#include "linux-2015-tf-tested.S"
