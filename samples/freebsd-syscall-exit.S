# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: freebsd
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   FreeBSD fast_syscall_common after FreeBSD-SA-12:04.sysret

// Interrupts are disabled first, so that nothing can set the flag after it was
// tested. An address that is not the user's leaves by IRETQ.

#include "freebsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	need_flag_clear full
	need_user_address full
	leave_by_sysret

full:
	leave_by_iret
