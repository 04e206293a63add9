# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical
# ORIGIN:   CVE-2012-0217 and CVE-2006-0744: the test that was missing there

// Everything is tested but the address. A non-canonical RCX faults in SYSRETQ:
// at CPL0 with the user's stack on Intel, at CPL3 on AMD, where IRETQ would
// have faulted on the kernel's stack.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
