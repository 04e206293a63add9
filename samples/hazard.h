# SPDX-License-Identifier: BSD-2-Clause
# FRAGMENT
// The frame around the samples that are about one instruction. Such a sample
// makes the test of the address depend on what its instruction does: if the
// jump to "trusted" can be taken, a non-canonical address gets to SYSRETQ.

#include "exit.h"

// Every test but the one of the address.
	.macro need_all_but_canonical else
	begin_tests
	need_rcx_is_rip \else
	need_user_cs \else
	need_user_ss \else
	need_r11_is_rflags \else
	need_flags_clear flag_RF | flag_TF, \else
	.endm

// The test of the address, and both ways out.
	.macro finish_exit
	need_canonical slow
trusted:
	leave_by_sysret
slow:
	leave_by_iret
	.endm
