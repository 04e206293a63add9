# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site in a loop without a bound

// A loop between the tests and the exit waits for a word of memory. With SMAP the
// site in it writes another selector into the frame, so that IRETQ would have
// taken that one.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
9:
	patch	"movl $1, %edx", "movl $3, at_cs(%rsp); movl $1, %edx", feature_smap
	pause
	cmpl	$0, %gs:0x40
	jne	9b
	leave_by_sysret
slow:
	leave_by_iret
