# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): X86_FEATURE_ALWAYS

// The code in the file would do, and never runs.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	movq	%rcx, %rax
	patch	"shlq $16, %rax; sarq $16, %rax", "shlq $7, %rax; sarq $7, %rax", feature_always
	cmpq	%rcx, %rax
	jne	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
