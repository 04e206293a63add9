# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   Linux arch/x86/entry/entry.S entry_ibpb(): called by name out of alternatives

// The flags do not survive the helper: what the test said is gone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	movq	%rcx, %rbx
	shrq	$47, %rbx
	call	entry_ibpb
	fill	rcx
	jnz	slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
