# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   Xen restore_all_guest after XSA-7 (CVE-2012-0217), in the frame that Xen has

// The registers come first, then the choice. IRETQ mimics what SYSRETQ does to
// RCX and R11, so that the guest cannot tell the two apart.

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
