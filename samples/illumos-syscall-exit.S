# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: illumos
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   illumos sys_syscall after the repair of CVE-2012-0217, with tr_sysretq

// The address is tested before the user's registers are loaded. Upper bits of
// RFLAGS are reserved, so 32 bits of them are enough.

#include "illumos.h"

	.globl	syscall_exit
syscall_exit:
	need_canonical slow
	leave_by_sysret

	trampoline

slow:
	leave_by_iret
