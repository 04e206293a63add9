# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   System V AMD64 psABI, 4.4: relocation types

// The kinds of relocation that exit code has: relative and absolute, of 32 and
// 64 bits, of data, code and sections.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	cmpl	$0, in_data(%rip)		// PC32
	cmpl	$0, in_data		// 32S
	movq	$in_data, %rax		// 32S
	movl	in_data(%rip), %edx
	cmpl	%edx, (%rax)
	jne	never
	movabsq	$in_data, %rax		// 64
	cmpl	%edx, (%rax)
	jne	never
	leaq	in_data+4(%rip), %rax		// PC32 with an addend
	cmpl	%edx, -4(%rax)
	jne	never
	movq	pointer(%rip), %rax		// 64 in read-only data
	cmpl	%edx, (%rax)
	jne	never
	call	helper		// PLT32
	jmp	tests
	.section	.text.tests, "ax"
tests:
	need_everything	slow
	leave_by_sysret
slow:
	leave_by_iret
never:
	xorl	%ecx, %ecx
	leave_by_sysret
	.section	.text.helper, "ax"
	.globl	helper
helper:
	ret
	.data
	.balign	8
in_data:
	.long	1, 2
	.section	.rodata
	.balign	8
pointer:
	.quad	in_data
