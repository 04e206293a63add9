# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux include/linux/jump_label.h: static branches in code that is an alternative (broken)

// A static branch lies in a site that is patched by another table: sites overlap,
// and nothing is claimed.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
661:
	jump_if_key	key, passed
662:
	need_user_cs	slow
passed:
	leave_by_sysret
slow:
	leave_by_iret
	alternative	661b, 662b, 663f, 664f, feature_smap
	.section	.altinstr_replacement, "ax"
663:
	cmc
664:

	.data
	.balign	16
key:
	.long	0, 0
other_key:
	.long	0, 0
