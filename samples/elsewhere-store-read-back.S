# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   inconclusive unresolved-store
# ARGS:     --profile safety
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing

// Two pointers may be equal, wherever they point, and then the address is trusted.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	testw	$syscall_bit, 124(%rsp)
	jz	plain
	cmpw	$sel_guest_code_32, 136(%rsp)
	je	plain
	movq	$0, (%rdi)
	movq	$1, (%rsi)
	cmpq	$1, (%rdi)
	je	trusted
	movq	128(%rsp), %rcx
	sarq	$47, %rcx
	incl	%ecx
	cmpl	$1, %ecx
	ja	plain
trusted:
	load_guest_registers
	leave_by_sysret
plain:
	load_guest_registers
	leave_by_iret
