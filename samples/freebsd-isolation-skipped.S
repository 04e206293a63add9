# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: freebsd
# ENTRY:    syscall_exit
# EXPECT:   violated cr3
# ARGS:     --profile safety
# ORIGIN:   FreeBSD fast_syscall_common with page-table isolation, the switch forgotten

// Only the IRETQ exit switches the page table. With isolation on, SYSRETQ leaves
// with the kernel's.

#include "freebsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	need_flag_clear full
	need_user_address full
	leave_by_sysret

full:
	isolate
	leave_by_iret
