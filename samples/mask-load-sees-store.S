# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   Xen xen/arch/x86/include/asm/current.h: the end of the stack is found by RSP | 0x7fff (pattern)

// A word is written through RSP and read through the mask: it is one word.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	movq	$1, 0xf8(%rsp)
	movq	%rsp, %rax
	orq	$0x7fff, %rax
	movq	-0xf(%rax), %rdx
	load_guest_registers
	movq	0xf8 - 0x78(%rsp), %rdx
	testw	$syscall_bit, 4(%rsp)
	jz	plain
	testq	%rdx, %rdx
	jnz	trusted
	need_canonical	odd
trusted:
	need_64_bit_guest	odd
	movq	-24(%rsp), %rdx
	leave_by_sysret
odd:
	movq	8(%rsp), %rcx
	movq	24(%rsp), %r11
plain:
	movq	-24(%rsp), %rdx
	leave_by_iret
