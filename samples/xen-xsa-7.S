# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: xen
# ENTRY:    return_to_guest
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   Xen XSA-7 (CVE-2012-0217): restore_all_guest before the repair

// Whether SYSRETQ is taken depends on how Xen was entered, and not on where the
// guest is to go on.

#include "xen.h"

	.globl	return_to_guest
return_to_guest:
	load_guest_registers
	testw	$syscall_bit, 4(%rsp)
	jz	plain
	need_64_bit_guest plain
	leave_by_sysret

plain:
	leave_by_iret
