# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive approximation
# ORIGIN:   Meltdown, CVE-2017-5754: which page tables the other exit would have taken

// Two IRET exits on different page tables, and tests in front of each. Which one a machine\nwould have taken is not to be told, so that nothing is right.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	need_canonical	slow
	need_user_cs	slow
	need_user_ss	other
	need_r11_is_rflags	other
	need_flags_clear	flag_RF | flag_TF, other
	movq	%gs:0x10, %rax
	movq	%rax, %cr3
	leave_by_sysret
slow:
	movq	%gs:0x10, %rax
	movq	%rax, %cr3
	leave_by_iret
other:
	movq	%gs:0x18, %rax
	movq	%rax, %cr3
	leave_by_iret
