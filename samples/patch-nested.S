# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux arch/x86/include/asm/alternative.h (pattern): several entries for one site

// Two entries for one site. Where both features are there the later entry counts:
// the right test is there on every machine.

#include "patch.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip	slow
	movq	%rcx, %rax
	patch_twice	"shlq $16, %rax; sarq $16, %rax", "shlq $7, %rax; sarq $7, %rax", feature_smap, "shlq $16, %rax; sarq $16, %rax", feature_always
	cmpq	%rcx, %rax
	jne	slow
	need_user_cs	slow
	need_user_ss	slow
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
