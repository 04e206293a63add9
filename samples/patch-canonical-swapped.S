# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Linux arch/x86/entry/entry_64.S since 4.12: the width of an address is an alternative on X86_FEATURE_LA57, the two forms swapped

// The file tests for 57 bits, which 4-level paging does not have. The test for 48
// bits, where boot code writes it, is stricter than needed.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	movq	%rcx, %rax
	patch	"shlq $7, %rax; sarq $7, %rax", "shlq $16, %rax; sarq $16, %rax", feature_la57
	cmpq	%rcx, %rax
	jne	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
