# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   Linux commit 17be0aec74fb (“Implement better check for canonical addresses”)

// The successor of the 2015 test: RCX is replaced by its own sign extension
// and then compared with RIP. The width is a constant, so the file is built
// for one paging mode and is right for both.

#include "exit.h"

	.globl	exit_to_user
exit_to_user:
#define IMPLEMENTED_BITS 48

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
