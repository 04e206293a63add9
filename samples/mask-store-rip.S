# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   Xen xen/arch/x86/include/asm/current.h: the end of the stack is found by RSP | 0x7fff (pattern)

// The word that the mask leads to is the address in the frame, behind the test.

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
	movq	%rsp, %rax; orq $0x7fff, %rax; movabsq $0x800000000000000, %rdx; movq %rdx, 128-0x107(%rax)
	load_guest_registers
	leave_by_sysret
plain:
	load_guest_registers
	leave_by_iret
