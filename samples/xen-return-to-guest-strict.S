# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   proved
# ORIGIN:   Xen restore_all_guest with every test that SYSRETQ needs; AMD APM vol. 3, SYSRET

// What it takes to make SYSRETQ invisible to a guest that gives up RCX and R11.
// A selector is 16 bits: above CS Xen keeps a byte of its own. Loading SS first
// is for AMD, where SYSRETQ keeps its attributes.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	movl	$sel_own_stack, %eax
	movl	%eax, %ss
	load_guest_registers
	testw	$syscall_bit, 4(%rsp)
	jz	plain
	need_canonical odd
	cmpw	$sel_guest_code, 16(%rsp)
	jne	odd
	cmpw	$sel_guest_stack, 40(%rsp)
	jne	odd
	testl	$flag_RF | flag_TF, 24(%rsp)
	jnz	odd
	leave_by_sysret

odd:
	movq	8(%rsp), %rcx
	movq	24(%rsp), %r11
plain:
	leave_by_iret
