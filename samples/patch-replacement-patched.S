# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive patched-code
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): an alternative in the replacement of another

// The replacement, which has the test of CS, is itself a site. Its entry comes
// first: with both features the code gets a replacement without the test. Where
// the order is another one it gets the test.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
661:
	.skip	664f - 663f, 0x90
662:
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
	alternative	663f, 664f, 665f, 666f, feature_smap
	alternative	661b, 662b, 663f, 664f, feature_always
	.section	.altinstr_replacement, "ax"
663:
	need_user_cs	slow
664:
665:
666:
