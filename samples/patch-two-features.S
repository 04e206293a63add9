# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated cs
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): sites of different features

// Two places for one test, one with SMAP and one without FSGSBASE: a CPU without
// SMAP and with FSGSBASE does neither.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	patch	"", "need_user_cs slow", feature_smap
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	patch	"", "need_user_cs slow", feature_fsgsbase, if_not
	leave_by_sysret
slow:
	leave_by_iret
