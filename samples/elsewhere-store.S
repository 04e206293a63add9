# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   Xen xen/arch/x86/x86_64/entry.S restore_all_guest: the copy into the root page table (pattern)

// A store through a pointer. The contract says that such stores do not hit the
// stack.

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
	movq	%rdx, (%rsi)
	load_guest_registers
	leave_by_sysret
plain:
	load_guest_registers
	leave_by_iret
