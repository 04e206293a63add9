# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Intel SDM vol. 1, 3.3.7.1: the width depends on CR4.LA57

// The test for 57 bits is exact with five-level paging and too weak without.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
	begin_tests
	need_rcx_is_rip slow
	movq	%rcx, %rax
	shlq	$7, %rax
	sarq	$7, %rax
	cmpq	%rax, %rcx
	jne	slow
	need_user_cs slow
	need_user_ss slow
	need_r11_is_rflags slow
	need_flags_clear flag_RF | flag_TF, slow
	leave_by_sysret

slow:
	leave_by_iret
