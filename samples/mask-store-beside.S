# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   Xen xen/arch/x86/include/asm/current.h: the end of the stack is found by RSP | 0x7fff (pattern)

// A store to the end of the stack, above the frame: it is known where that is.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	testw	$syscall_bit, 124(%rsp)
	jz	plain
	movq	128(%rsp), %rcx
	sarq	$47, %rcx
	incl	%ecx
	cmpl	$1, %ecx
	ja	plain
	cmpw	$sel_guest_code_32, 136(%rsp)
	je	plain
	movq	%rsp, %rax; orq $0x7fff, %rax; movq $-1, -7(%rax)
	load_guest_registers
	leave_by_sysret
plain:
	load_guest_registers
	leave_by_iret
