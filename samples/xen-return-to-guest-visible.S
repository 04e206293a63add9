# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   violated cs, ss, rf, tf; ss-attrs on amd:la48 amd:la57
# ORIGIN:   Xen restore_all_guest after XSA-7, asked for everything that a guest can see

// The same exit as xen-return-to-guest. RCX and R11 are the guest's to lose, so
// these are not held against it. What is left is what SYSRETQ does differently
// and the exit does not look at: both selectors, RF, TF and, on AMD, the hidden
// part of SS, of which the contract says nothing.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	load_guest_registers
	testw	$syscall_bit, 4(%rsp)
	jz	plain
	need_canonical odd
	need_64_bit_guest odd
	leave_by_sysret

odd:
	movq	8(%rsp), %rcx
	movq	24(%rsp), %r11
plain:
	leave_by_iret
