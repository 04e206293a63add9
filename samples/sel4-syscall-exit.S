# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: sel4
# ENTRY:    syscall_exit
# EXPECT:   violated canonical
# ARGS:     --profile safety
# ORIGIN:   seL4 restore_user_context; the test of CVE-2012-0217 is not in this code

// The flag says that the thread made a system call. That its address is
// canonical is kept true by the rest of the kernel, which nothing here shows.

#include "sel4.h"

	.globl	syscall_exit
syscall_exit:
	need_in_syscall interrupt_exit	// not in this file
	leave_by_sysret
