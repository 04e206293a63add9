# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   inconclusive unresolved-store
# ORIGIN:   Landi, Undecidability of Static Analysis, 1992: aliasing; a store that runs twice is two stores

// A store with an unknown address goes round twice and the saved RIP is read
// before each. Only the second one can come between the last read and the exit;
// it must not count as the one that was seen already.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	movl	$2, %ebx
1:	movq	at_rip(%rsp), %rcx
	movq	%rax, (%rdi)
	addq	$8, %rdi
	decl	%ebx
	jnz	1b
	movq	%rcx, %rax
	shrq	$47, %rax
	jnz	slow
	cmpq	%rcx, at_rcx(%rsp)
	jne	slow
	need_user_cs	slow
	need_user_ss	slow
	fill	r11
	need_r11_is_rflags	slow
	need_flags_clear	flag_RF | flag_TF, slow
	leave_by_sysret
slow:
	leave_by_iret
