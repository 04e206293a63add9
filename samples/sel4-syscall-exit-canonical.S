# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: sel4
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   seL4 restore_user_context with the test of the address in it

// With the test in front of the pops nothing else is needed for safety.

#include "sel4.h"

	.globl	syscall_exit
syscall_exit:
	need_in_syscall interrupt_exit	// not in this file
	need_canonical interrupt_exit
	leave_by_sysret
