# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 2a23c6b8a9c4: the build stops if the width of addresses is another

// The shift is right for 47 bits of user address. The assembler refuses to
// build with any other number.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
#ifndef ADDRESS_BITS
#define ADDRESS_BITS 47
#endif
	.ifne	ADDRESS_BITS - 47
	.error	"the shift is for 47 bits"
	.endif
	need_all_but_canonical	slow
	movq	%rcx, %rax
	shrq	$ADDRESS_BITS, %rax
	jnz	slow
	leave_by_sysret
slow:
	leave_by_iret
