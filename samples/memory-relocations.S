# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   System V AMD64 psABI, 4.4: relocation types

// The kinds of relocation that exit code has: relative and absolute, of 32 and
// 64 bits, of data, code and sections. They all name one word, so that no jump
// to "trusted" is taken.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movl	in_data(%rip), %edx		// PC32
	cmpl	in_data, %edx		// 32S
	jne	trusted
	movq	$in_data, %rax		// 32S
	cmpl	%edx, (%rax)
	jne	trusted
	movabsq	$in_data, %rsi		// 64
	cmpl	%edx, (%rsi)
	jne	trusted
	leaq	in_data+4(%rip), %rax		// PC32 with an addend
	cmpl	%edx, -4(%rax)
	jne	trusted
	movq	pointer(%rip), %rax		// 64 in read-only data
	cmpl	%edx, (%rax)
	jne	trusted
	call	helper		// PLT32
	jmp	elsewhere		// PC32 to another section
	.section	.text.elsewhere, "ax"
elsewhere:
	finish_exit
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
