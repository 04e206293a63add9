# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): relative operands count from their new place

// The replacement is a jump to a test elsewhere. Its distance is that from the
// site, not the one from where the file keeps it.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	patch	"ud2", "jmp.d32 tested_elsewhere", feature_always
passed:
	leave_by_sysret
slow:
	leave_by_iret
tested_elsewhere:
	need_canonical	slow
	jmp	passed
