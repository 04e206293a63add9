# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: freebsd
# ENTRY:    syscall_exit
# EXPECT:   proved
# ARGS:     --profile safety
# ORIGIN:   FreeBSD fast_syscall_common with page-table isolation: CR3 is written after RSP

// The kernel's stack is not mapped for user mode, so the switch comes after the
// user's RSP is loaded and may not use it. A value with reserved bits would fault
// there, on a stack that the user chose: that the per-CPU word has none is an
// assumption of the report. Both exits switch on the same condition.

#include "freebsd.h"

	.globl	syscall_exit
syscall_exit:
	cli
	need_flag_clear full
	need_user_address full
	load_for_sysret
	isolate
	xorl	%r9d, %r9d
	swapgs
	sysretq

full:
	isolate
	leave_by_iret
