# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: freebsd
# ENTRY:    syscall_exit
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   FreeBSD-SA-12:04.sysret (CVE-2012-0217): fast_syscall before the repair

// A flag in another structure says whether the frame was changed. It says
// nothing of the address that SYSCALL itself put there.

#include "freebsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	need_flag_clear full
	leave_by_sysret

full:
	leave_by_iret
