# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated gpr.rcx, gpr.r11
# ORIGIN:   Linux arch/x86/include/asm/bug.h: WARN() and BUG() (pattern)

// The handler of a warning gives all registers back and may change the frame: RCX
// and R11 are tested against what SYSRETQ takes them for, not against their own
// slots.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	cmpl	$0, %gs:0x40
	je	1f
	trap_with	1
1:
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
