# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site in a loop without a bound

// A loop waits for a word of memory and has a site in it that writes a register
// which the exit loads anyway.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
9:
	patch	"movl $1, %edx", "xorl %edx, %edx; nop", feature_smap
	pause
	cmpl	$0, %gs:0x40
	jne	9b
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
