# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: openbsd
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   OpenBSD .Lsyscall_check_asts on a CPU with separate page tables, with a test of the address

// The register that carries CR3 is parked in the per-CPU area, which both page
// tables map. All of that runs on the user's RSP and does not use it.

#include "openbsd.h"

	.set	cpu_scratch, 0x18
	.set	cpu_user_cr3, 0x28

	.macro	to_user_page_table
	movq	%rax, %gs:cpu_scratch
	movq	%gs:cpu_user_cr3, %rax
	movq	%rax, %cr3
	movq	%gs:cpu_scratch, %rax
	.endm

	.globl	syscall_exit
syscall_exit:
	cli
	testl	$need_iret, proc_flags(%r14)
	jnz	slow
	movq	at_rip(%rsp), %rcx
	shrq	$47, %rcx
	jnz	slow
	load_for_sysret
	to_user_page_table
	swapgs
	sysretq

slow:
	load_for_iret
	to_user_page_table
	swapgs
	iretq
