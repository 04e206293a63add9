# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive vacuous
# ORIGIN:   vacuous truth: Beer et al., Efficient Detection of Vacuity in ACTL Formulas, CAV 1997

// CS is compared with two different values and both have to match. SYSRETQ is
// never reached: everything is true of it.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	need_canonical slow
	need_user_cs slow
	cmpq	$sel_user_stack, at_cs(%rsp)
	jne	slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
