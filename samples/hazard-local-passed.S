# SPDX-License-Identifier: BSD-2-Clause
# CONTRACT: linux
# ENTRY:    exit_to_user
# EXPECT:   proved
# ORIGIN:   System V AMD64 psABI, 3.2.3: a pointer argument lets the callee write what it points to

// The address of a word on the own stack is passed to a function of another
// file, which answers there. That word is not the caller's alone.

#include "hazard.h"

	.globl	exit_to_user
exit_to_user:
	need_all_but_canonical	slow
	pushq	$0
	movq	%rsp, %rdi
	call	read_mode
	popq	%rbx
	fill	rcx
	fill	r11
	need_all_but_canonical	slow
	testq	%rbx, %rbx
	jnz	trusted
	finish_exit
