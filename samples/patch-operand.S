# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): a site inside an instruction

// The site is the last byte of a compare: with SMAP, CS is compared with another
// selector. What the bytes in the file say does not count.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	cmpl	$sel_user_code, at_cs(%rsp)
661:
	jne	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
	alternative	661b-1, 661b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	.byte	0x23
664:
