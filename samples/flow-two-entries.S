# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    from_syscall, from_interrupt
# EXPECT:   violated rip
# ORIGIN:   Intel SDM vol. 2B, SYSRET; every entry is verified

// Two entries to one exit. Only the first compares RCX with the saved RIP.

#include "hazard.h"

	.globl	from_syscall
from_syscall:
	begin_tests
	need_rcx_is_rip	slow
	jmp	tail
	.globl	from_interrupt
from_interrupt:
	begin_tests
tail:
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
