# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   the exact test of Xen's restore_all_guest (XSA-7)

// The top 17 bits are all equal: their signed value is 0 or -1, which one
// increment makes 1 or 0.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	sarq	$47, %rax
	incl	%eax
	cmpl	$1, %eax
	ja	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
