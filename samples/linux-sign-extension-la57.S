# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   violated canonical on intel:la48 amd:la48
# ORIGIN:   Linux commit 17be0aec74fb; CONFIG_X86_5LEVEL made the width depend on the CPU

// As linux-sign-extension, built for 57 bits and run on a CPU (or booted in a
// mode) that has 48.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
#define IMPLEMENTED_BITS 57

	movq	at_rcx(%rsp), %rcx
	movq	at_rip(%rsp), %r11
	cmpq	%r11, %rcx
	jne	slow
	shlq	$(64 - IMPLEMENTED_BITS), %rcx
	sarq	$(64 - IMPLEMENTED_BITS), %rcx
	cmpq	%rcx, %r11
	jne	slow
	need_user_cs slow
	fill	r11
	need_r11_is_rflags slow
	testq	$(flag_RF | flag_TF), %r11
	jnz	slow
	need_user_ss slow
	leave_by_sysret

slow:
	leave_by_iret
